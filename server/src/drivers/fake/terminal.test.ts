import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import type { FakeWorld } from "./testing/fake-world.ts";
import { createFakeWorld, startSpec } from "./testing/fake-world.ts";

interface Screen {
  readonly stream: ProcessStream;
  /** Resolves once the screen holds the text; rejects when it ends without. */
  shows(text: string): Promise<void>;
  readonly shown: () => string;
  readonly ended: Promise<number>;
}

async function open(world: FakeWorld, change: object = {}): Promise<Screen> {
  const stream = await world.link.open(startSpec("bash", [], { pty: { cols: 80, rows: 24 }, foreground: false, tag: "screen", ...change }));
  return screenOf(stream);
}

function screenOf(stream: ProcessStream): Screen {
  let shown = "";
  let wake: () => void = () => {};
  const ended = Promise.withResolvers<number>();
  let isOver = false;
  stream.onEvent((event) => {
    if (event.kind === "stdout") shown += Buffer.from(event.bytes).toString();
    assert.notEqual(event.kind, "stderr");
    if (event.kind === "exit") {
      isOver = true;
      ended.resolve(event.exitCode);
    }
    wake();
  });
  return {
    stream,
    shown: () => shown,
    ended: ended.promise,
    async shows(text) {
      while (!shown.includes(text)) {
        assert.ok(!isOver, `it ended without ${JSON.stringify(text)}: ${JSON.stringify(shown)}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

test("a terminal has a shell that prompts, echoes, runs lines and ends with exit; errors are shown too", async () => {
  using world = await createFakeWorld();
  const screen = await open(world);
  assert.deepEqual(screen.stream.started.pty, { cols: 80, rows: 24 });
  await screen.shows("$ ");
  screen.stream.sendStdin(Buffer.from("echp\u007fo hi; nosuch\r"));
  await screen.shows("nosuch: not found\r\n$ ");
  assert.ok(screen.shown().startsWith("$ echp\b \bo hi; nosuch\r\nhi\r\n"));
  screen.stream.sendStdin(Buffer.from("exit 4\r"));
  assert.equal(await screen.ended, 4);
});

test("the latest size holds and is told to whoever attaches; a wrong one changes nothing", async () => {
  using world = await createFakeWorld();
  const screen = await open(world);
  const other = screenOf(await world.link.attach("screen", "start"));
  screen.stream.resize({ cols: 100, rows: 30 });
  other.stream.resize({ cols: 132, rows: 43 });
  other.stream.resize({ cols: 0, rows: 9999 });
  other.stream.sendStdin(Buffer.from("stty size\r"));
  await screen.shows("43 132\r\n");
  await other.shows("43 132\r\n");
  assert.deepEqual((await world.link.attach("screen", "now")).started.pty, { cols: 132, rows: 43 });
  other.stream.sendStdin(Buffer.from("\u0004"));
  assert.equal(await other.ended, 0);
});

test("^C ends what the shell waits for, not the shell; without a shell it ends the program", async () => {
  using world = await createFakeWorld();
  const screen = await open(world);
  await screen.shows("$ ");
  screen.stream.sendStdin(Buffer.from("echo in; sleep 1000\r"));
  await screen.shows("\r\nin\r\n");
  await new Promise((resolve) => setImmediate(resolve));
  screen.stream.sendStdin(Buffer.from("\u0003"));
  screen.stream.sendStdin(Buffer.from("echo status $?\r"));
  await screen.shows("status 130\r\n");
  const alone = screenOf(await world.link.open(startSpec("sleep", ["1000"], { pty: { cols: 80, rows: 24 }, foreground: false })));
  alone.stream.sendStdin(Buffer.from("\u0003"));
  assert.equal(await alone.ended, 130);
});

test("what is typed is acknowledged to who typed it, and TERM is set", async () => {
  using world = await createFakeWorld();
  const stream = await world.link.open(startSpec("bash", [], { pty: { cols: 80, rows: 24 }, foreground: false, tag: "screen" }));
  const reader = await world.link.attach("screen", "start");
  const taken = { starter: 0, reader: 0 };
  stream.onEvent((event) => void (event.kind === "stdin_room" && (taken.starter += event.bytes)));
  const done = new Promise<void>((resolve) =>
    reader.onEvent((event) => {
      if (event.kind === "stdin_room") taken.reader += event.bytes;
      if (event.kind === "exit") resolve();
    }),
  );
  reader.sendStdin(Buffer.from("env\r"));
  reader.sendStdin(Buffer.from("exit\r"));
  await done;
  assert.deepEqual(taken, { starter: 0, reader: 9 });
  const { bytes } = await world.link.output("screen", "stdout", 0, 65_536);
  assert.match(Buffer.from(bytes).toString(), /TERM=xterm-256color\r\n/);
});
