import assert from "node:assert/strict";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ProcessEvent, ProcessStream, StartSpec } from "../../ports/agent-link.ts";
import { endOf } from "../../../http/testing/fake-stream.ts";
import { feedProcess } from "./feed.ts";

const MIB = 1024 * 1024;
const SPEC: StartSpec = {
  id: "pr-1",
  cmd: "cat",
  args: [],
  env: {},
  cwd: "/",
  tag: "",
  stdin: true,
  timeoutMs: 0,
  foreground: true,
  busy: false,
  onDisconnect: "kill",
};
const END = endOf({ id: "pr-1" });
const never = new AbortController().signal;

/** A process that does with its input what a test says. */
interface Peer {
  readonly open: () => Promise<ProcessStream>;
  readonly did: string[];
  say(event: ProcessEvent): void;
}

function peer(onStdin: (bytes: Uint8Array, say: (event: ProcessEvent) => void) => void): Peer {
  let listener: (event: ProcessEvent) => void = () => undefined;
  const did: string[] = [];
  const say = (event: ProcessEvent): void => listener(event);
  const stream: ProcessStream = {
    started: { id: "pr-1", pid: 2, tag: "", nextSeq: 1, startedAt: 0 },
    onEvent: (given) => void (listener = given),
    pause: () => undefined,
    resume: () => undefined,
    sendStdin: (bytes) => onStdin(bytes, say),
    closeStdin: () => {
      did.push("closeStdin");
      say(END);
    },
    resize: () => undefined,
    cancel: () => void did.push("cancel"),
    close: () => void did.push("close"),
  };
  return { open: () => Promise.resolve(stream), did, say };
}

/** Takes what comes, a moment later. */
const taking = (): Peer => peer(({ length }, say) => setImmediate(() => say({ kind: "stdin_room", bytes: length })));

test("what a process has taken is not kept: a source of any length costs about one window", async () => {
  setFlagsFromString("--expose-gc");
  const collect = (): unknown => runInNewContext("gc()");
  let mostBytes = 0;
  let before = 0;
  async function* layer(): AsyncGenerator<Uint8Array> {
    for (let mib = 0; mib < 128; mib += 1) {
      yield Buffer.alloc(MIB, mib);
      if (mib % 16 !== 15) continue;
      // What a collection finds may be given back a little later: the bound leaves room for the 16 MiB between two looks.
      collect();
      const { arrayBuffers } = process.memoryUsage();
      if (before === 0) before = arrayBuffers;
      mostBytes = Math.max(mostBytes, arrayBuffers - before);
    }
  }
  const { end } = await feedProcess(taking(), SPEC, layer(), never);
  assert.equal(end.exitCode, 0);
  assert.ok(mostBytes < 48 * MIB, `${mostBytes} bytes are held`);
});

test("all of a source comes in order, never more than a window on its way", async () => {
  const got: Buffer[] = [];
  let inFlight = 0;
  let most = 0;
  const process = peer((bytes, say) => {
    got.push(Buffer.from(bytes));
    most = Math.max(most, (inFlight += bytes.length));
    setImmediate(() => {
      inFlight -= bytes.length;
      say({ kind: "stdin_room", bytes: bytes.length });
    });
  });
  const sent = [Buffer.alloc(3 * MIB + 7, "a"), Buffer.alloc(1, "b"), Buffer.alloc(MIB, "c")];
  async function* source(): AsyncGenerator<Uint8Array> {
    yield* sent;
  }
  await feedProcess(process, SPEC, source(), never);
  assert.ok(Buffer.concat(got).equals(Buffer.concat(sent)));
  assert.equal(most, MIB);
  assert.deepEqual(process.did, ["closeStdin", "close"]);
});

/** A source that tells when it is waited for, and never brings another piece. */
function stuck(first: Uint8Array): { readonly source: AsyncIterable<Uint8Array>; readonly asked: Promise<void> } {
  const asked = Promise.withResolvers<void>();
  let given = false;
  const source = {
    [Symbol.asyncIterator]: () => ({
      next(): Promise<IteratorResult<Uint8Array>> {
        if (!given) {
          given = true;
          return Promise.resolve({ done: false, value: first });
        }
        asked.resolve();
        return new Promise(() => undefined);
      },
    }),
  };
  return { source, asked: asked.promise };
}

test("an end is learned of while a piece is waited for, and while room is", async () => {
  const process = taking();
  const { source, asked } = stuck(Buffer.from("x"));
  const fed = feedProcess(process, SPEC, source, never);
  await asked;
  process.say({ ...END, exitCode: 3 });
  assert.equal((await fed).end.exitCode, 3);

  const full = peer((_, say) => setImmediate(() => say({ ...END, exitCode: 4 })));
  assert.equal((await feedProcess(full, SPEC, stuck(Buffer.alloc(2 * MIB)).source, never)).end.exitCode, 4);
});

test("a lost agent, a dropped input, a source that fails and a signal end it, and its process", async () => {
  const failures: readonly (readonly [ProcessEvent, RegExp])[] = [
    [{ kind: "failed", code: "lost", message: "gone" }, /lost gone/],
    [{ kind: "stdin_full" }, /dropped a part/],
    [{ kind: "stdin_gap" }, /dropped a part/],
  ];
  for (const [event, text] of failures) {
    const process = peer((_, say) => setImmediate(() => say(event)));
    await assert.rejects(feedProcess(process, SPEC, stuck(Buffer.from("x")).source, never), text);
    assert.deepEqual(process.did, ["cancel", "close"]);
  }
  const broken = taking();
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("x");
    throw new Error("not what its digest says");
  }
  await assert.rejects(feedProcess(broken, SPEC, failing(), never), /not what its digest says/);
  assert.deepEqual(broken.did, ["cancel", "close"]);
  const aborted = taking();
  const controller = new AbortController();
  const { source, asked } = stuck(Buffer.from("x"));
  const fed = feedProcess(aborted, SPEC, source, controller.signal);
  await asked;
  controller.abort(new Error("broken off"));
  await assert.rejects(fed, /broken off/);
  assert.deepEqual(aborted.did, ["cancel", "close"]);
});

test("a character that comes in two pieces is read as one, each stream for itself", async () => {
  const bytes = Buffer.from("é");
  const record = (kind: "stdout" | "stderr", piece: Buffer) => ({ kind, seq: 1, offset: 0, tail: Buffer.alloc(0), bytes: piece }) as const;
  const process = peer((_, say) => {
    for (const at of [0, 1]) for (const kind of ["stdout", "stderr"] as const) say(record(kind, bytes.subarray(at, at + 1)));
    setImmediate(() => say(END));
  });
  const { stdout, stderr } = await feedProcess(process, SPEC, stuck(Buffer.from("x")).source, never);
  assert.deepEqual([stdout, stderr], ["é", "é"]);
});
