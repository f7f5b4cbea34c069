import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentLostError } from "../core/ports/agent-link.ts";
import { ANSWER_MS } from "./request.ts";
import type { FrameName } from "./testing/peer.ts";
import { createPeer, linkTo } from "./testing/peer.ts";

const late = (error: Error): boolean => error instanceof AgentLostError && /no answer within/.test(error.message);

test(`an agent that does not answer a request within ${ANSWER_MS} ms is lost, whatever was asked, and its connection is closed`, async (t) => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const requests: readonly [FrameName, () => Promise<unknown>][] = [
    ["stats", () => link.stats()],
    ["list", () => link.list()],
    ["touch", () => link.touch()],
    ["get", () => link.get("1")],
    ["output", () => link.output("1", "stdout", 0, 10)],
  ];
  for (const [frame, ask] of requests) {
    const outcome = assert.rejects(ask(), late, frame);
    const agent = await peer.next();
    await agent.welcome();
    await agent.expect(frame);
    t.mock.timers.tick(ANSWER_MS);
    await outcome;
    await agent.closed;
  }
});
