import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall } from "../harness/call.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { capsuleOf } from "../harness/capsule.ts";
import { CodeInterpreter } from "../harness/code-interpreter.ts";
import { askPort, keyed } from "../harness/port-request.ts";
import { firstCapsuleOf } from "../harness/template.ts";

/** Milliseconds for a template's first build, its packages downloaded. */
const BUILD_MS = 600_000;

let capsule: TestCapsule;
let interpreter: CodeInterpreter;
before(
  async () => {
    capsule = await firstCapsuleOf("code-interpreter", BUILD_MS);
    interpreter = new CodeInterpreter(capsule.id);
    await interpreter.kernel();
  },
  { timeout: BUILD_MS },
);
after(() => capsule[Symbol.asyncDispose]());

test("a capsule of it has its Jupyter server up by itself, and until then its port answers in a way that clients wait out", async () => {
  const nobody = await askPort(capsule.id, 59_999, { headers: keyed() });
  assert.equal(nobody.status, 502, "as every port does on which nobody listens");
  assert.ok(
    interpreter.waited.every((status) => status === 502),
    interpreter.waited.join(" "),
  );
});

test("code runs, what it prints and what it comes to are told apart, and state is kept between runs", async () => {
  const first = await interpreter.runCode("x = 6 * 7\nprint('out')\nimport sys; print('err', file=sys.stderr)\nx");
  assert.deepEqual([first.text, first.stdout, first.stderr, first.error], ["42", "out\n", "err\n", null]);
  assert.equal((await interpreter.runCode("'text ' + str(x + 1)")).text, "text 43");
});

test("an exception is an error with its name and value, and the kernel goes on", async () => {
  const { error, text } = await interpreter.runCode("1 / 0");
  assert.deepEqual([error, text], [{ name: "ZeroDivisionError", value: "division by zero" }, null]);
  assert.equal((await interpreter.runCode("1 + 1")).text, "2");
});

test("code that is sent as soon as an exception's kernel is idle is run, though the kernel is slow to wait again", async () => {
  await interpreter.runCode(`
import time
kernel = get_ipython().kernel
flush = kernel.shell_stream.flush
def slowly(*only):
    if only:
        # The end of a message's handling, after its "idle".
        kernel.shell_stream.flush = flush
        time.sleep(1)
    flush(*only)
`);
  const { error } = await interpreter.runCode("kernel.shell_stream.flush = slowly\nraise ValueError('seen')");
  assert.equal(error?.value, "seen");
  assert.equal((await interpreter.runCode("'and run'")).text, "and run");
});

test("what is displayed comes with its MIME types", async () => {
  const { displayed } = await interpreter.runCode(
    "from IPython.display import HTML, SVG, display\ndisplay(HTML('<b>hi</b>'))\ndisplay(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))",
  );
  assert.ok(
    ["text/html", "image/svg+xml", "text/plain"].every((type) => displayed.includes(type)),
    displayed.join(" "),
  );
});

test("two runs with large output do not mix, and no byte of theirs is missing", async () => {
  const [one, two] = await Promise.all([
    interpreter.runCode("print('a' * 1_000_000)"),
    new CodeInterpreter(capsule.id).runCode("print('b' * 1_000_000)"),
  ]);
  assert.equal(one.stdout, `${"a".repeat(1_000_000)}\n`);
  assert.equal(two.stdout, `${"b".repeat(1_000_000)}\n`);
});

test("what code leaves is there for commands, and the key is not there for the code", async () => {
  await interpreter.runCode("open('/workspace/from-code', 'w').write('kept')");
  assert.equal((await capsule.sh("cat /workspace/from-code")).stdout, "kept");
  const { text } = await interpreter.runCode("import os; [name for name in os.environ if 'KEY' in name or 'CAPSULED' in name]");
  assert.equal(text, "[]");
});

test("without a key nobody reaches it", async () => {
  assert.equal((await askPort(capsule.id, 8888, { path: "/api/kernels" })).status, 401);
});

test("a fork has a server of its own, with none of the source's variables", async () => {
  const { capsules } = await expectCall("forkCapsule", 201, { params: { id: capsule.id }, body: { wait_ms: 60_000 } });
  const [fork] = capsules;
  assert.ok(fork !== undefined);
  await using made = capsuleOf(fork);
  const { error } = await new CodeInterpreter(made.id).runCode("x");
  assert.equal(error?.name, "NameError");
});
