import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ConnectionNotice } from "../src/connection-notice.ts";
import type { Context } from "../src/context.ts";
import { progressText, withProgress } from "../src/progress.ts";

const ESCAPE = "\u001b[";

/** A program's surroundings as far as progress looks at them; `written` is what standard error got. */
function surroundings(stderr: { readonly isTTY: boolean; readonly columns?: number }, json = false) {
  const written: string[] = [];
  const process = { env: {}, stderr: { ...stderr, write: (text: string) => written.push(text) } };
  return { written, context: { process, json } as unknown as Context };
}

/** Milliseconds that go by at once: what begins in one of them comes on in the next. */
const STEP_MS = 20;

/** Milliseconds of a made-up clock go by while something is under way. */
async function after(ms: number, context: Context, text: string | ((columns: number) => string)): Promise<string> {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  try {
    const work = Promise.withResolvers<string>();
    const shown = withProgress(context, text, work.promise);
    for (let gone = 0; gone < ms; gone += STEP_MS) mock.timers.tick(STEP_MS);
    work.resolve("done");
    return await shown;
  } finally {
    mock.timers.reset();
  }
}

test("on a terminal what takes long is one line that is drawn anew and taken away; what is quick, piped or JSON shows nothing", async () => {
  const wide = surroundings({ isTTY: true, columns: 100 });
  let done = 0;
  assert.equal(
    await after(1_000, wide.context, (columns) => progressText("copying", (done += 1024 * 1024), 8 * 1024 * 1024, columns)),
    "done",
  );
  assert.ok(wide.written.length > 3, `${wide.written.length} times`);
  for (const line of wide.written) assert.ok(line.startsWith(`\r${ESCAPE}K`) && !line.includes("\n"), JSON.stringify(line));
  assert.match(wide.written[0] ?? "", /copying .* 1\.0 MiB of 8\.0 MiB$/);
  assert.match(wide.written[2] ?? "", /3\.0 MiB of/);
  assert.equal(wide.written.at(-1), `\r${ESCAPE}K`, "nothing of it stays");
  for (const [quiet, ms] of [
    [surroundings({ isTTY: true }), 200],
    [surroundings({ isTTY: false }), 5_000],
    [surroundings({ isTTY: true }, true), 5_000],
  ] as const) {
    assert.equal(await after(ms, quiet.context, "starting"), "done");
    assert.deepEqual(quiet.written, []);
  }
});

test("a line of progress is never wider than the terminal", async () => {
  for (const columns of [1, 5, 20, 40, 200]) {
    const narrow = surroundings({ isTTY: true, columns });
    await after(600, narrow.context, (room) => progressText("copying", 5_000_000, 10_000_000, room));
    assert.ok(narrow.written.length > 1);
    for (const line of narrow.written) assert.ok(line.replace(`\r${ESCAPE}K`, "").length < Math.max(2, columns), `${columns}: ${line}`);
  }
});

test("a connection that is away for a moment is not told; one that is away for longer is one dim line, gone when it is back", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { written, context } = surroundings({ isTTY: true, columns: 40 });
    const notice = new ConnectionNotice(context.process);
    notice.overTerminal();
    notice.changed(false);
    mock.timers.tick(400);
    notice.changed(true);
    mock.timers.tick(5_000);
    assert.deepEqual(written, []);
    notice.changed(false);
    notice.changed(false);
    mock.timers.tick(5_000);
    assert.equal(written.length, 1);
    // oxlint-disable-next-line no-control-regex -- what a terminal obeys
    assert.match(
      written[0] ?? "",
      /^\u001bD\u001b\[1A\u001b7\u001b\[1B\r\u001b\[2K\u001b\[2mcapsuled: the connection[^\u001b]*\u001b\[0m\u001b8$/,
    );
    notice.changed(true);
    notice.clear();
    assert.deepEqual(written.slice(1), ["\u001b7\u001b[1B\r\u001b[2K\u001b8"]);
    notice.leaveTerminal();
    notice.changed(false);
    mock.timers.tick(5_000);
    notice.changed(true);
    assert.deepEqual(
      written.slice(2),
      ["gone; connecting again", "back"].map((what) => `\r\u001b[K\u001b[2mcapsuled: the connection is ${what}\u001b[0m\n`),
      "outside of a capsule's terminal it is a line, and another one",
    );
    const pipe = surroundings({ isTTY: false });
    const plain = new ConnectionNotice(pipe.context.process);
    plain.changed(false);
    mock.timers.tick(5_000);
    plain.changed(true);
    assert.equal(pipe.written.join(""), "capsuled: the connection is gone; connecting again\ncapsuled: the connection is back\n");
  } finally {
    mock.timers.reset();
  }
});
