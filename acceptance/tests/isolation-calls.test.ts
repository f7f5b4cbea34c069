import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { arch } from "node:os";
import { after, before, test } from "node:test";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { agentPid, pidsInCapsule } from "../harness/host.ts";
import { outcomes, probe, probeOutside, probeSource } from "../harness/probe.ts";
import { startStream } from "../harness/stream.ts";

/** Calls that reach the host's kernel by their arguments, or by another way in than the usual one. */
let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

test("only unix, IPv4, IPv6 and netlink sockets exist: no kernel crypto, no virtual machines, no raw packets, nothing else", async () => {
  const inside = await probe(capsule, "sockets", outcomes);
  const outside = probeOutside("sockets", outcomes);
  const open = new Set(["unix", "inet", "inet6", "netlink"]);
  assert.ok(Object.keys(inside).length >= 64);
  for (const name of ["packet", "alg", "vsock"]) assert.equal(inside[name], "EAFNOSUPPORT", name);
  for (const [name, outcome] of Object.entries(inside)) assert.equal(outcome, open.has(name) ? "ok" : "EAFNOSUPPORT", name);
  const refused = Object.keys(outside).filter((name) => !open.has(name) && outside[name] !== "EAFNOSUPPORT");
  assert.ok(refused.includes("packet"), `the control: this host's kernel has more families: ${JSON.stringify(outside)}`);
});

test("nobody types into a terminal: TIOCSTI and TIOCLINUX are refused, whatever bits that the kernel ignores are set", async () => {
  const inside = await probe(capsule, "terminal", outcomes);
  const outside = probeOutside("terminal", outcomes);
  for (const bits of ["", "_bit_32", "_bit_63", "_all_high_bits"]) {
    assert.equal(inside[`control${bits}`], "ok", `a harmless request with the same bits: ${JSON.stringify(inside)}`);
    assert.equal(inside[`tiocsti${bits}`], "EPERM", `TIOCSTI${bits}`);
    assert.equal(inside[`tioclinux${bits}`], "EPERM", `TIOCLINUX${bits}`);
    assert.equal(outside[`tiocsti${bits}`], "ok", `the control: outside, TIOCSTI${bits} types`);
    assert.notEqual(outside[`tioclinux${bits}`], "EPERM", "the control: it is not the kernel that refuses");
  }
  assert.deepEqual([inside["typed"], outside["typed"]], ["0", "4"], "characters that arrived");
});

test(
  "a system call by the 32-bit or the x32 way ends its program by SIGSYS, a whole 32-bit program included",
  { skip: arch() !== "x64" && "only x86-64 has these ways in" },
  async () => {
    const inside = await probe(capsule, "foreign_calls", outcomes);
    assert.equal(inside["control_64_bit"], "exit 0", "the same code makes the usual call");
    for (const way of ["int_0x80", "x32", "program_32_bit"]) assert.equal(inside[way], "SIGSYS", way);
    const outside = probeOutside("foreign_calls", outcomes);
    assert.equal(outside["control_64_bit"], "exit 0");
    for (const way of ["int_0x80", "x32", "program_32_bit"]) assert.notEqual(outside[way], "SIGSYS", `the control: ${way} outside`);
  },
);

test("clone3 is absent for a plain command and for one with input, whatever stands in registers that it does not read", async () => {
  const plain = await capsule.python(probeSource("clone3"));
  assert.equal(plain.exit_code, 0, plain.stderr);
  const found = [outcomes.parse(JSON.parse(plain.stdout)), await probe(capsule, "clone3", outcomes)];
  for (const inside of found) {
    assert.ok(Object.keys(inside).length >= 200);
    for (const [word, outcome] of Object.entries(inside)) assert.equal(outcome, "ENOSYS", word);
  }
  const outside = Object.values(probeOutside("clone3", outcomes));
  assert.ok(
    outside.every((outcome) => outcome === "ok"),
    "the control: outside, each of these calls makes a process",
  );
});

test("no process leaves the cgroup that bounds the capsule: not by call, by file, by descriptor, nor by leaving session and parent", async () => {
  await using stream = await startStream(capsule.id, { cmd: "python3", args: ["-c", probeSource("leave_cgroup")], stdin: true });
  const { control_write, control_clone, leads, paths, seen_ways, ...attempts } = outcomes.parse(
    JSON.parse(await stream.printed((text) => text.endsWith("\n"))),
  );
  assert.deepEqual([control_write, control_clone], ["ok", "ok"], "calls of the same kind work");
  assert.ok(Object.keys(attempts).length >= 8);
  const refused = new Set(["EPERM", "EACCES", "ENOSYS", "EINVAL", "EIO"]);
  for (const [way, outcome] of Object.entries(attempts)) assert.ok(refused.has(outcome), `${way}: ${outcome}`);
  assert.ok(Number(seen_ways) > 5, "descriptors and directories were looked through");
  assert.deepEqual([leads, paths], ["", ""], "none leads to a cgroup");

  const agent = agentPid(capsule.id);
  const others = pidsInCapsule(capsule.id).filter((pid) => pid !== agent);
  assert.ok(
    others.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("control_write")).length >= 2,
    "it and its orphan",
  );
  for (const pid of others) for (const path of boundsOf(pid)) assert.match(path, /\/work(\/|$)/, `${pid} in ${path}`);
  assert.ok(
    boundsOf(agent).every((path) => !/\/work(\/|$)/.test(path)),
    "the control: the agent's are others",
  );
  stream.send({ type: "stdin_close" });
  await stream.message("exit");
});

/** A process's cgroups in the hierarchies that bound and find capsules' processes, as the host names them. */
function boundsOf(pid: number): readonly string[] {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
  const found = lines.flatMap((line) => {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return controllers === "" || /\b(memory|pids|cpu)\b/.test(controllers) ? [path] : [];
  });
  assert.ok(found.length > 0, `the cgroups of ${pid} were found: ${lines.join(" ")}`);
  return found;
}
