import { randomBytes } from "node:crypto";
import { createAgentLink } from "../../../agent-link/link.ts";
import type { AgentLink, Collected, ProcessEvent, ProcessStream, StartSpec } from "../../../core/ports/agent-link.ts";
import type { Handle, LaunchSpec } from "../../../core/ports/driver.ts";
import type { FakeDriver } from "../driver.ts";
import { createFakeDriver } from "../driver.ts";
import type { FakeScript } from "../script.ts";

export const newId = (prefix: string): string =>
  `${prefix}-${BigInt(`0x${randomBytes(16).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")
    .slice(-25)}`;

export const SECRET = "fa".repeat(32);

export function launchSpec(change: Partial<LaunchSpec> = {}): LaunchSpec {
  const plain = { capsuleId: newId("cl"), template: "minimal", vcpus: 1, memoryMb: 64, diskMb: 32, pidsMax: 64, hostname: "box" };
  return {
    ...plain,
    agentSecret: SECRET,
    egress: "none",
    disk: "new",
    snapshotId: null,
    sourceId: null,
    previous: "agent_lost",
    ...change,
  };
}

export function startSpec(cmd: string, args: readonly string[] = [], change: Partial<StartSpec> = {}): StartSpec {
  const plain = { id: newId("pr"), cmd, args, env: { PATH: "/bin" }, cwd: "/root", tag: "", stdin: false, timeoutMs: 0 };
  return { ...plain, foreground: true, busy: false, onDisconnect: "grace", ...change };
}

export interface FakeWorld extends Disposable {
  readonly driver: FakeDriver;
  readonly capsuleId: string;
  readonly handle: Handle;
  readonly link: AgentLink;
  run(cmd: string, args?: readonly string[], change?: Partial<StartSpec>, stdin?: string): Promise<Collected>;
}

/** A fake driver with one capsule and a link to it; all of it ends with the test's block. */
export async function createFakeWorld(script: FakeScript = {}): Promise<FakeWorld> {
  const driver = createFakeDriver({ script });
  const spec = launchSpec();
  const handle = await driver.launch(spec, new AbortController().signal);
  const link = createAgentLink(spec.capsuleId, SECRET, () => driver.openAgent(handle));
  return {
    driver,
    capsuleId: spec.capsuleId,
    handle,
    link,
    run: (cmd, args = [], change = {}, stdin) => {
      const bytes = stdin === undefined ? null : Buffer.from(stdin);
      return link.run(startSpec(cmd, args, { stdin: bytes !== null, ...change }), bytes, 64 * 1024 * 1024, new AbortController().signal);
    },
    [Symbol.dispose]() {
      link.close();
      driver.host.close();
    },
  };
}

/** All events of a stream, to the last. */
export function events(stream: ProcessStream): Promise<ProcessEvent[]> {
  const seen: ProcessEvent[] = [];
  return new Promise((resolve) => {
    stream.onEvent((event) => {
      seen.push(event);
      if (event.kind === "exit" || event.kind === "failed") resolve(seen);
    });
  });
}

/** The first event of that kind. */
export function firstEvent(stream: ProcessStream, kind: ProcessEvent["kind"]): Promise<ProcessEvent> {
  return new Promise((resolve) => {
    stream.onEvent((event) => {
      if (event.kind === kind) resolve(event);
    });
  });
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** The printed text of one stream among events. */
export function printed(all: readonly ProcessEvent[], kind: "stdout" | "stderr"): string {
  return Buffer.concat(all.flatMap((event) => (event.kind === kind ? [event.bytes] : []))).toString();
}
