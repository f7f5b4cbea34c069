import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { pidsInCapsule } from "../harness/host.ts";
import { attach, startStream } from "../harness/stream.ts";

test("two pauses at once: one 200, one 409; and so with two resumes, stops and starts", async () => {
  for (let round = 0; round < 5; round++) {
    await using capsule = await newCapsule();
    const at = { params: { id: capsule.id } };
    for (const id of ["pauseCapsule", "resumeCapsule", "stopCapsule", "startCapsule"] as const) {
      const body = id === "resumeCapsule" || id === "startCapsule" ? { body: {} } : {};
      const answers = await Promise.all([call(id, { ...at, ...body }), call(id, { ...at, ...body })]);
      assert.deepEqual(
        answers.map(({ status }) => status).sort((a, b) => a - b),
        [200, 409],
        `${id} in round ${round}`,
      );
    }
    assert.equal((await capsule.get()).status, "running");
    assert.equal((await capsule.sh("echo well")).stdout, "well\n");
  }
});

test("destroying a capsule while it boots, pauses, resumes, stops or starts ends it for good", { timeout: 300_000 }, async () => {
  const races: readonly ((id: string) => Promise<unknown>)[] = [
    (id) => call("pauseCapsule", { params: { id } }),
    (id) => call("stopCapsule", { params: { id } }),
    async (id) => {
      await call("pauseCapsule", { params: { id } });
      return call("resumeCapsule", { params: { id }, body: {} });
    },
    async (id) => {
      await call("stopCapsule", { params: { id } });
      return call("startCapsule", { params: { id }, body: {} });
    },
    (id) => call("exec", { params: { id }, body: { cmd: "sleep", args: ["5"] } }),
  ];
  for (const race of races) {
    for (const wait_ms of [0, 10_000]) {
      const created = await expectCall("createCapsule", 201, { body: { wait_ms } });
      const [, destroyed] = await Promise.all([race(created.id), call("destroyCapsule", { params: { id: created.id } })]);
      assert.equal(destroyed.status, 204);
      const after = await expectCall("getCapsule", 200, { params: { id: created.id } });
      assert.deepEqual([after.status, after.reason], ["stopped", "destroyed"]);
      assert.deepEqual(pidsInCapsule(created.id), []);
    }
  }
});

test("an exec that is cut off by its capsule's end answers, and says why", { timeout: 300_000 }, async () => {
  const capsule = await newCapsule();
  const running = call("exec", { params: { id: capsule.id }, body: { cmd: "sleep", args: ["100"], timeout: 0 } });
  await using stream = await startStream(capsule.id, { cmd: "sleep", args: ["100"] });
  await stream.message("start");
  await capsule[Symbol.asyncDispose]();
  const answer = await running;
  const text = JSON.stringify(answer.body);
  assert.ok(text.includes("capsule_destroyed") || [409, 502].includes(answer.status), `${answer.status} ${text}`);
  await stream.closed;
});

test("30 capsules at once come up, each its own, and go again", { timeout: 300_000 }, async () => {
  const capsules = await Promise.all(
    Array.from({ length: 30 }, (_, n) => newCapsule({ memory_mb: 64, disk_mb: 64, metadata: { n: String(n) } })),
  );
  try {
    const answers = await Promise.all(capsules.map((capsule, n) => capsule.sh(`echo ${n} > /root/n; cat /root/n; ls /root | wc -l`)));
    answers.forEach(({ stdout }, n) => assert.equal(stdout, `${n}\n1\n`));
    assert.equal(new Set(capsules.map(({ id }) => id)).size, 30);
  } finally {
    await Promise.all(capsules.map((capsule) => capsule[Symbol.asyncDispose]()));
  }
});

test("500 execs at once each get exactly their own output and exit code", { timeout: 300_000 }, async () => {
  await using a = await newCapsule();
  await using b = await newCapsule();
  const results = await Promise.all(
    Array.from({ length: 500 }, (_, n) => (n % 2 === 0 ? a : b).sh(`echo out ${n}; echo err ${n} >&2; exit ${n % 100}`, { timeout: 100 })),
  );
  results.forEach((result, n) => {
    assert.deepEqual([result.stdout, result.stderr, result.exit_code], [`out ${n}\n`, `err ${n}\n`, n % 100]);
  });
  assert.equal(new Set(results.map(({ id }) => id)).size, 500, "no id twice");
});

test("100 background processes with tags of their own each keep their output", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule({ memory_mb: 512 });
  const all = Array.from({ length: 100 }, (_, n) => n);
  await Promise.all(all.map((n) => capsule.background({ cmd: "sh", args: ["-c", `echo ${n}; exit ${n % 50}`], tag: `t-${n}` })));
  await Promise.all(
    all.map(async (n) => {
      await using stream = await attach(capsule.id, `t-${n}`, "?from=start");
      const exit = await stream.message("exit");
      assert.deepEqual([stream.text(), exit.exit_code], [`${n}\n`, n % 50]);
    }),
  );
});

test("one tag asked for by many at once is given once", async () => {
  await using capsule = await newCapsule();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      call("exec", { params: { id: capsule.id }, body: { cmd: "sleep", args: ["100"], background: true, tag: "one" } }),
    ),
  );
  assert.deepEqual(
    answers.map(({ status }) => status).sort((a, b) => a - b),
    [202, ...Array.from({ length: 19 }, () => 409)],
  );
});
