import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { after, before, test } from "node:test";
import { z } from "zod";
import { findBrowser, openPage } from "../harness/browser.ts";
import type { Page } from "../harness/browser.ts";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { publish } from "../harness/endpoint.ts";
import { PAGES_ORIGIN } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";

/** What the page keeps of an event. */
const seenEvent = z.object({ id: z.string(), type: z.string(), data: z.string().optional() });

const browser = findBrowser();
const skip = "missing" in browser ? browser.missing : false;

let capsule: TestCapsule;
before(async () => {
  if (skip === false) capsule = await newCapsule();
});
after(async () => {
  if (skip === false) await capsule[Symbol.asyncDispose]();
});

function page(): Promise<Page> {
  return openPage("program" in browser ? browser.program : "", PAGES_ORIGIN, "<!doctype html><title>a page</title>");
}

/** Stands between a browser and the server, and can cut what goes through it. */
async function cutter(): Promise<{ readonly url: string; readonly connections: () => number; cut(): void; close(): void }> {
  const { hostname, port } = new URL(readState().url);
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer((client) => {
    count += 1;
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address() as AddressInfo; // a TCP server's address is one
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    connections: () => count,
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}

test(
  "an EventSource of a page on another origin reads line by line with a ticket, resumes when its connection is cut, and stops at the end",
  { skip, timeout: 300_000 },
  async () => {
    await capsule.sh("rm -f /root/go; rm -f /root/began");
    await using one = await publish({
      command: `sh -c 'echo x >> /root/began; echo one; echo two; until [ -e /root/go ]; do sleep 0.05; done; echo three; echo four >&2'`,
      timeout: 110,
      capsule: capsule.id,
    });
    const { ticket } = await expectCall("createTicket", 201, { body: { path: one.path } });
    await using tab = await page();
    const between = await cutter();
    try {
      await tab.evaluate(`
        window.got = []; window.errors = 0; window.opened = 0;
        window.source = new EventSource(${JSON.stringify(`${between.url}${one.path}?ticket=${ticket}`)});
        source.onopen = () => { opened += 1; };
        source.onerror = () => { errors += 1; };
        source.onmessage = (message) => { got.push({ id: message.lastEventId, ...JSON.parse(message.data) }); };
        true`);
      const got = async (): Promise<readonly z.output<typeof seenEvent>[]> => seenEvent.array().parse(await tab.evaluate("got"));
      const until = (what: string, holds: () => Promise<boolean>): Promise<true> =>
        waitUntil(async () => ((await holds()) ? true : undefined), { what, timeoutMs: 40_000, everyMs: 50 });
      await until("two lines, while the command waits", async () => (await got()).length === 2);
      assert.deepEqual(
        (await got()).map(({ data }) => data),
        ["one", "two"],
      );
      between.cut();
      await until("the browser to come back by itself", async () => Number(await tab.evaluate("opened")) >= 2);
      await capsule.sh("touch /root/go");
      await until("the end", async () => (await got()).some(({ type }) => type === "done"));
      await until("the browser to stop", async () => Number(await tab.evaluate("source.readyState")) === 2);
      const events = await got();
      assert.deepEqual(
        events.map(({ type }) => type),
        ["output", "output", "output", "output", "done"],
        "nothing is missed, nothing doubled",
      );
      assert.deepEqual(new Set(events.slice(0, -1).map(({ data }) => data)), new Set(["one", "two", "three", "four"]));
      assert.equal((await capsule.sh("wc -l < /root/began")).stdout.trim(), "1", "the command ran once");
      const connections = between.connections();
      await new Promise((done) => setTimeout(done, 4000));
      assert.equal(between.connections(), connections, "it does not come back after the end");
    } finally {
      between.close();
    }
  },
);

test(
  "the documented fetch sample works in a page on a listed origin, and a page sees the run's id",
  { skip, timeout: 300_000 },
  async () => {
    await using one = await publish({ command: `sh -c 'echo "on $0"; exit 3'`, args: [{ name: "branch" }], capsule: capsule.id });
    await using tab = await page();
    const { url, adminKey } = readState();
    const seen = await tab.evaluate(`(async () => {
    const seen = [];
    const response = await fetch(${JSON.stringify(`${url}${one.path}`)}, {
      method: 'POST',
      headers: { 'X-API-Key': ${JSON.stringify(adminKey)}, 'Content-Type': 'application/json' },
      body: JSON.stringify({ branch: 'main' }),
    });
    seen.push(response.headers.get('x-run-id'));
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      const text = decoder.decode(value, { stream: true });
      for (const line of text.split('\\n')) {
        if (line.startsWith('data: ')) {
          const event = JSON.parse(line.slice(6));
          seen.push(event.type + ' ' + (event.data || event.exit_code));
        }
      }
    }
    return seen.join('|');
  })()`);
    assert.match(String(seen), /^run-[0-9a-z]{25}\|output on main\|done 3$/);
  },
);

test("a page of an origin that is not listed cannot read an answer", { skip, timeout: 300_000 }, async () => {
  await using one = await publish({ command: "echo secret", public: true, capsule: capsule.id });
  await using tab = await openPage("program" in browser ? browser.program : "", "http://evil.test", "<!doctype html>");
  const seen = await tab.evaluate(`fetch(${JSON.stringify(`${readState().url}${one.path}`)}).then((r) => r.text(), () => "refused")`);
  assert.equal(seen, "refused");
});
