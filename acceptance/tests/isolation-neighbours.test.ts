import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { z } from "zod";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { agentPid } from "../harness/host.ts";
import { probe } from "../harness/probe.ts";
import { readState } from "../harness/state.ts";
import { startStream } from "../harness/stream.ts";

let a: TestCapsule;
let b: TestCapsule;
before(async () => {
  a = await newCapsule();
  b = await newCapsule();
});
after(async () => {
  await a[Symbol.asyncDispose]();
  await b[Symbol.asyncDispose]();
});

test("a capsule sees no process of another, and cannot signal one", async () => {
  await a.background({ cmd: "sleep", args: ["7777"], tag: "secret-name" });
  const look = "ps -eo args=; cat /proc/*/cmdline | tr '\\0' ' '";
  assert.ok((await a.sh(look)).stdout.includes("7777"), "the control: its own are seen");
  assert.ok(!(await b.sh(look)).stdout.includes("7777"));
  await b.sh("for p in $(seq 2 400); do [ $p = $$ ] || kill -9 $p 2>/dev/null; done; kill -9 -1; true");
  assert.ok((await a.processes()).some(({ tag }) => tag === "secret-name"));
});

test("a capsule sees no file of another, on disk, in memory or in /tmp", async () => {
  const put = "for d in /root /tmp /dev/shm /var/tmp /run /workspace; do echo mark-of-a > $d/mark; done; ls /root/mark";
  assert.equal((await a.sh(put)).stdout, "/root/mark\n");
  assert.equal(
    (await b.sh("ls -d /root /root/mark /tmp/mark /dev/shm/mark /var/tmp/mark /run/mark /workspace/mark 2>/dev/null")).stdout,
    "/root\n",
  );
  await a.sh("echo changed > /etc/motd; rm -rf /usr/share/doc");
  assert.notEqual(
    (await b.sh("cat /etc/motd 2>/dev/null; true")).stdout,
    "changed\n",
    "the template's layer is shared, its changes are not",
  );
});

test("a capsule sees no shared memory and no message queue of another", async () => {
  const shm = (flags: string): string =>
    `import ctypes;c=ctypes.CDLL(None);print(c.shmget(0x1234,4096,${flags})>=0, c.msgget(0x1234,${flags})>=0)`;
  assert.equal((await a.python(shm("0o1666"))).stdout, "True True\n");
  assert.equal((await a.python(shm("0"))).stdout, "True True\n", "the control: its own are found");
  assert.equal((await b.python(shm("0"))).stdout, "False False\n");
});

const network = z.looseObject({ interfaces: z.array(z.string()), control_loopback: z.string(), control_abstract: z.string() });

test("without egress the network is loopback only: not the host's, not a neighbour's, not the world", async () => {
  const name = `capsuled-host-${process.pid}`;
  const abstract = createServer().listen(`\0${name}`);
  try {
    const port = new URL(readState().url).port;
    assert.equal((await fetch(`${readState().url}/healthz`)).status, 200, "the control: the port answers outside");
    await using shut = await newCapsule({ network: { egress: "none" } });
    const found = await probe(shut, "network", network, [port, name]);
    assert.deepEqual([found.control_loopback, found.control_abstract], ["ok", "ok"], "its own are reached");
    for (const way of [
      "host_loopback",
      "host_abstract",
      "outside_tcp",
      "outside_udp",
      "outside_ipv6",
      "metadata",
      "raw",
      "packet",
      "vsock",
      "alg",
    ]) {
      assert.notEqual(found[way], "ok", way);
      assert.notEqual(found[way], undefined, way);
    }
  } finally {
    abstract.close();
  }
});

test("a server in one capsule is reached on its loopback and not from another's", async () => {
  await a.background({ cmd: "python3", args: ["-m", "http.server", "8123", "--bind", "0.0.0.0"] });
  const own = await a.sh("for i in $(seq 50); do curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8123/ && break; sleep 0.1; done");
  assert.match(own.stdout, /200$/);
  assert.equal((await b.sh("curl -s -m 3 -o /dev/null http://127.0.0.1:8123/")).exit_code, 7, "curl's code for a refused connection");
  await assert.rejects(fetch("http://127.0.0.1:8123/"), "nor on the host");
});

test("each capsule has a range of uids of its own, with no user of the host in it", () => {
  const ranges = [a, b].map(({ id }) => {
    const maps = ["uid_map", "gid_map"].map((file) =>
      readFileSync(`/proc/${agentPid(id)}/${file}`, "utf8")
        .trim()
        .split(/\s+/)
        .map(Number),
    );
    assert.deepEqual(maps[0], maps[1]);
    return maps[0] ?? [];
  });
  for (const [inside, base, count] of ranges) {
    assert.equal(inside, 0);
    assert.equal(count, 65_536);
    assert.ok((base ?? 0) >= 0x7000_0000);
  }
  assert.ok(Math.abs((ranges[0]?.[1] ?? 0) - (ranges[1]?.[1] ?? 0)) >= 65_536);
});

test("what a user may hold at most is counted apart: one capsule's inotify instances leave its neighbour's", async () => {
  const take =
    "import ctypes,resource,time\nresource.setrlimit(resource.RLIMIT_NOFILE,(4096,4096))\nc=ctypes.CDLL(None);n=0\nwhile n<4000 and c.inotify_init()>=0: n+=1\nprint(n,flush=True)\ntime.sleep(1000)";
  await using holder = await startStream(a.id, { cmd: "python3", args: ["-c", take] });
  const taken = Number(await holder.printed((text) => text.endsWith("\n")));
  assert.ok(taken > 0 && taken < 4000, `${taken} taken: as many as it may`);
  const free = await b.python("import ctypes;c=ctypes.CDLL(None);n=0\nwhile n<20 and c.inotify_init()>=0: n+=1\nprint(n)");
  assert.equal(free.stdout, "20\n", "the neighbour still gets its own");
  holder.send({ type: "stop" });
  await holder.message("exit");
});
