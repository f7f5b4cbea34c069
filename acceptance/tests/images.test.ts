import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LIMITS } from "@capsuled/contract";
import { filesThatHold } from "../harness/at-rest.ts";
import { call, expectCall, expectError, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { imageOf, layoutArchive, savedArchive, sha256 } from "../harness/image.ts";
import { buildOf, capsuleOfImage, programEntries, sendArchive } from "../harness/image-build.ts";
import { CREDENTIALS, startRegistry } from "../harness/registry.ts";
import type { TestRegistry } from "../harness/registry.ts";
import { endServer, readAdminKey, startServer } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";
import type { TarEntry } from "../harness/tar.ts";
import { paxOf, tarOf } from "../harness/tar.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

let registry: TestRegistry;
let programs: Buffer;
before(async () => {
  registry = await startRegistry();
  programs = tarOf([
    ...programEntries(["sh", "cat", "ls", "stat", "id"]),
    { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n" },
    { name: "etc/group", content: "root:x:0:\napp:x:1000:\n" },
  ]);
});
after(() => registry[Symbol.asyncDispose]());

let tags = 0;
const put = (...layers: readonly (readonly TarEntry[])[]): string =>
  registry.put(`t${(tags += 1)}`, imageOf({ layers: [programs, ...layers.map((entries) => tarOf(entries))] }));
const snapshotsOnHost = (): readonly string[] => readdirSync(join(readState().dataDir, "store/snapshots")).toSorted();

test("a capsule of an image has its files, and what it says of its processes holds where nobody says otherwise", async () => {
  const config = {
    Env: ["PATH=/bin", "FROM_IMAGE=yes"],
    User: "app:app",
    WorkingDir: "/srv",
    Entrypoint: ["/bin/sh"],
    Cmd: ["-c", "echo began > /srv/began"],
  };
  const layer = tarOf([{ name: "srv", type: "5", uid: 1000, gid: 1000 }]);
  const reference = registry.put("config", imageOf({ layers: [programs, layer], compression: "zstd", config }));
  await using plain = await capsuleOfImage({ reference });
  assert.equal((await plain.sh("echo $FROM_IMAGE; id -un; pwd; ls /srv")).stdout, "yes\napp\n/srv\n");
  await using started = await capsuleOfImage({ reference, use_entrypoint: true }, { envs: { FROM_IMAGE: "recipe" } });
  const began = async (): Promise<string | undefined> => (await started.sh("cat /srv/began 2> /dev/null || true")).stdout || undefined;
  assert.equal(await waitUntil(began, { what: "the image's command" }), "began\n");
  assert.equal((await started.sh("echo $FROM_IMAGE")).stdout, "recipe\n");
});

test("layers lie one over the other: whiteouts, opaque directories, links through links, owners, modes", async () => {
  const below: TarEntry[] = [
    { name: "srv/kept", content: "kept" },
    { name: "srv/gone", content: "gone" },
    { name: "srv/opaque/below", content: "x" },
    { name: "srv/tree/a/b", content: "x" },
    { name: "srv/was-file", content: "x" },
    { name: "usr/lib", type: "5" },
    { name: "lib2", type: "2", link: "usr/lib" },
    { name: "srv/suid", content: "x", mode: 0o4755, uid: 7, gid: 8 },
  ];
  const above: TarEntry[] = [
    { name: "srv/.wh.gone" },
    { name: "srv/opaque/own", content: "own" },
    { name: "srv/opaque/.wh..wh..opq" },
    { name: "srv/.wh.tree" },
    { name: "srv/was-file", type: "5" },
    { name: "srv/was-file/now", content: "directory" },
    { name: "lib2/through", content: "link" },
    { name: "srv/hard", type: "1", link: "usr/lib/through" },
    { name: "srv/far", content: "x", uid: 70_000, gid: 5 },
    { name: "srv/device", type: "4" },
    { name: "srv/fifo", type: "6", mode: 0o600 },
  ];
  await using capsule = await capsuleOfImage({ reference: put(below, above) });
  const { stdout } = await capsule.sh(
    "cd /srv && ls && ls opaque was-file && cat /usr/lib/through && stat -c '%n %a %u %g %h %F' suid hard far fifo",
  );
  const listed = "far\nfifo\nhard\nkept\nopaque\nsuid\nwas-file\nopaque:\nown\n\nwas-file:\nnow\nlink";
  const facts = ["suid 4755 7 8 1 regular file", "hard 644 0 0 2 regular file", "far 644 65534 5 1 regular file", "fifo 600 0 0 1 fifo"];
  assert.equal(stdout, `${listed}${facts.join("\n")}\n`);
});

test("archives of docker save and of an OCI layout are uploaded, have the id of their content, and are built of", async () => {
  const image = imageOf({ layers: [programs], config: { Env: ["PATH=/bin"] } });
  for (const archive of [layoutArchive(image), savedArchive(image)]) {
    const [first, again] = [await sendArchive(archive), await sendArchive(archive)].map((answer) => answer.json());
    const [uploaded, same] = [await first, await again];
    assert.deepEqual(property(uploaded, "id"), property(same, "id"));
    const id = String(property(uploaded, "id"));
    await using capsule = await capsuleOfImage({ archive: id });
    assert.equal((await capsule.sh("echo runs")).stdout, "runs\n");
    await expectCall("deleteImage", 204, { params: { id } });
    await expectError("createTemplate", "not_found", { body: { name: "absent", from: { image: { archive: id } } } });
  }
});

test("an archive is a team's own, a team has a few at most, and what is none is refused at once", async () => {
  const { key } = await newTeam();
  const ids: string[] = [];
  for (let count = 0; count < LIMITS.imageArchivesMax; count += 1) {
    const answer = await sendArchive(layoutArchive(imageOf({ layers: [tarOf([{ name: `n${count}` }])] })), key);
    assert.equal(answer.status, 201);
    ids.push(String(property(await answer.json(), "id")));
  }
  const more = await sendArchive(layoutArchive(imageOf({ layers: [tarOf([{ name: "more" }])] })), key);
  assert.deepEqual([more.status, property(property(await more.json(), "error"), "code")], [429, "quota_exceeded"]);
  const [first = ""] = ids;
  await expectError("deleteImage", "not_found", { params: { id: first } });
  await expectError("createTemplate", "not_found", { body: { name: "others", from: { image: { archive: first } } } });
  for (const id of ids) await expectCall("deleteImage", 204, { key, params: { id } });
  const none = await sendArchive(Buffer.from("no archive".repeat(100)), key);
  assert.deepEqual([none.status, property(property(await none.json(), "error"), "code")], [400, "invalid_request"]);
});

test("a private registry is read with credentials, and what it refuses is told in words", async () => {
  await using locked = await startRegistry({ authority: "token", password: "right" });
  const reference = locked.put("one", imageOf({ layers: [programs] }));
  await using capsule = await capsuleOfImage({ reference, ...CREDENTIALS, password: "right" });
  assert.equal((await capsule.sh("echo runs")).stdout, "runs\n");
  const wrong = await buildOf({ reference, ...CREDENTIALS, password: "wrong" });
  assert.deepEqual([wrong.state, wrong.reason], ["failed", "base_failed"]);
  assert.match(wrong.message ?? "", /not for this user name and password/);
  const absent = await buildOf({ reference: `${registry.host}/test/image:absent` });
  assert.match(absent.message ?? "", /has no test\/image with absent/);
  const long = "x".repeat(LIMITS.credentialCharsMax + 1);
  await expectError("createTemplate", "invalid_request", {
    body: { name: "long", from: { image: { reference, username: "u", password: long } } },
  });
});

test("a registry's password is in no answer, no log and no row, whatever came of the build", async () => {
  const [right, wrong] = [`right-${randomBytes(12).toString("hex")}`, `wrong-${randomBytes(12).toString("hex")}`];
  for (const authority of ["basic", "token"] as const) {
    await using locked = await startRegistry({ authority, password: right });
    const reference = locked.put("one", imageOf({ layers: [programs] }));
    for (const [password, state] of [
      [right, "ready"],
      [wrong, "failed"],
    ] as const) {
      const build = await buildOf({ reference, ...CREDENTIALS, password }, { use_cache: false });
      assert.equal(build.state, state, build.message ?? "");
      const told = [
        build,
        (await call("streamTemplateBuild", { params: { id: build.id } })).body,
        await expectCall("listTemplateBuilds", 200),
      ];
      assert.ok(JSON.stringify(told).includes(build.id));
      for (const secret of [right, wrong]) assert.ok(!JSON.stringify(told).includes(secret), "no password is told");
      assert.ok(filesThatHold(build.id).length > 0, "what is in the database is found there");
      for (const secret of [right, wrong]) assert.deepEqual(filesThatHold(secret), []);
      if (state === "ready") await expectCall("deleteSnapshot", 204, { params: { name: build.name } });
    }
  }
});

test("a reference has a bounded length, and one that is longer is told by its field", async () => {
  const image = (length: number) => ({ name: "long", from: { image: { reference: "x".repeat(length) } } });
  const { details } = await expectError("createTemplate", "invalid_request", { body: image(LIMITS.imageReferenceCharsMax + 1) });
  assert.match(String(property(details, "field")), /^from\.image/);
  const longest = await expectCall("createTemplate", 202, { body: { ...image(LIMITS.imageReferenceCharsMax), wait_ms: 30_000 } });
  assert.deepEqual([longest.state, longest.reason], ["failed", "base_failed"], "its length is no reason to refuse it unseen");
});

/** A layer that is refused, and what the build says of it. */
const HOSTILE: readonly (readonly [string, readonly TarEntry[], RegExp])[] = [
  ["a name that goes up", [{ name: "../../../../etc/escaped", content: "x" }], /leaves the image/],
  ["a hard link to above", [{ name: "srv/x", type: "1", link: "../../etc/passwd" }], /leaves the image/],
  ["a hard link to nothing", [{ name: "srv/x", type: "1", link: "absent" }], /leads to nothing/],
  [
    "a name that is too long",
    [
      { name: "about", type: "x", content: paxOf({ path: `srv/${"long/".repeat(1000)}x` }) },
      { name: "short", content: "x" },
    ],
    /longer than 4096 bytes/,
  ],
  ["a size that is not there", [{ name: "srv/x", content: "x", size: 1_000_000 }], /no tar archive|ends in the middle/],
  [
    "a link in a circle",
    [
      { name: "a", type: "2", link: "b" },
      { name: "b", type: "2", link: "a" },
      { name: "a/x", content: "x" },
    ],
    /cannot be unpacked/,
  ],
  [
    "a whiteout of nothing",
    [
      { name: "srv/.wh...", content: "" },
      { name: "srv/.wh.", content: "" },
    ],
    /whiteout of nothing/,
  ],
  ["a kind that is none", [{ name: "srv/x", type: "Z", content: "x" }], /kind that layers do not have/],
];

test("hostile layers are refused with a reason, and nothing of them is left on the host", { timeout: 300_000 }, async () => {
  const before = snapshotsOnHost();
  for (const [what, entries, text] of HOSTILE) {
    const build = await buildOf({ reference: put(entries) }, { use_cache: false });
    assert.deepEqual([build.state, build.reason], ["failed", "base_failed"], what);
    assert.match(build.message ?? "", text, what);
  }
  assert.deepEqual(snapshotsOnHost(), before);
});

test("links to above lead nowhere but into the image", async () => {
  const entries: TarEntry[] = [
    { name: "out", type: "2", link: "/etc" },
    { name: "out/by-absolute", content: "in the image" },
    { name: "up", type: "2", link: "../../../../../../etc" },
    { name: "up/by-relative", content: "in the image" },
  ];
  await using capsule = await capsuleOfImage({ reference: put(entries) });
  assert.equal((await capsule.sh("cat /etc/by-absolute /etc/by-relative")).stdout, "in the imagein the image");
  assert.deepEqual(
    readdirSync("/etc").filter((name) => name.startsWith("by-")),
    [],
  );
});

test("an archive bomb ends at the template's disk, and lies about digests at the layer's end", { timeout: 180_000 }, async () => {
  const bomb = tarOf([{ name: "srv/bomb", content: Buffer.alloc(160 * 1024 * 1024) }]);
  const big = await buildOf({ reference: registry.put("bomb", imageOf({ layers: [bomb] })) }, { disk_mb: 64 });
  assert.deepEqual([big.state, big.reason], ["failed", "base_failed"]);
  assert.match(big.message ?? "", /does not fit into its disk of 64 MiB/);
  const image = imageOf({ layers: [programs], compression: "none" });
  const reference = registry.put("lie", image);
  registry.putBlob(sha256(programs), Buffer.from(programs).fill(1, 600, 700));
  const lie = await buildOf({ reference });
  assert.deepEqual([lie.state, lie.reason], ["failed", "base_failed"]);
  assert.match(lie.message ?? "", /not what its digest says|no tar archive/);
});

test("a recipe's files and steps are done on an image as on any base", async () => {
  const reference = put([{ name: "srv/of-image", content: "image" }]);
  const steps = [{ run: "cat /srv/of-image /srv/of-recipe > /srv/both" }];
  await using capsule = await capsuleOfImage({ reference }, { files: [{ path: "/srv/of-recipe", content: " and recipe" }], steps });
  assert.equal((await capsule.sh("cat /srv/both")).stdout, "image and recipe");
  const log = String((await call("streamTemplateBuild", { params: { id: capsule.build.id } })).body);
  assert.match(log, /sha256:[0-9a-f]{64}, 2 layers/);
  assert.match(log, /layer 2 of 2: 1 entries/);
});

test("what an image's registry may be: not this machine or its network, unless the setting allows it", { timeout: 60_000 }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "capsuled-guarded-"));
  const settings = { CAPSULED_DRIVER: "fake", CAPSULED_IMAGE_PRIVATE: "false" };
  const server = await startServer({ dataDir, port: 0, logFile: join(dataDir, "log"), env: settings });
  try {
    const headers = { "x-api-key": readAdminKey(dataDir), "content-type": "application/json" };
    const before = registry.requests.length;
    for (const host of [registry.host, registry.host.replace("127.0.0.1", "localhost"), "[::1]:5000", "10.0.0.1", "169.254.169.254"]) {
      const body = JSON.stringify({ name: "never", from: { image: { reference: `${host}/test/image:t1` } }, wait_ms: 30_000 });
      const answer = await fetch(`${server.url}/v1/templates`, { method: "POST", headers, body });
      const build: unknown = await answer.json();
      assert.deepEqual([answer.status, property(build, "state"), property(build, "reason")], [202, "failed", "base_failed"], host);
      assert.match(String(property(build, "message")), /not an address of the public internet/);
    }
    assert.equal(registry.requests.length, before);
  } finally {
    await endServer(server.pid, "SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test("a capsule of an image can be kept, forked, stopped and started like any other", async () => {
  await using source = await capsuleOfImage({ reference: put([{ name: "srv/of-image", content: "kept" }]) });
  const { capsules } = await expectCall("forkCapsule", 201, { params: { id: source.id }, body: { wait_ms: 30_000 } });
  for (const { id } of capsules) {
    assert.equal(property((await call("exec", { params: { id }, body: { cmd: "cat", args: ["/srv/of-image"] } })).body, "stdout"), "kept");
    await expectCall("destroyCapsule", 204, { params: { id } });
  }
  await expectCall("stopCapsule", 200, { params: { id: source.id } });
  await expectCall("startCapsule", 200, { params: { id: source.id }, body: { wait_ms: 30_000 } });
  assert.equal((await source.sh("cat /srv/of-image")).stdout, "kept");
  await using usual = await newCapsule();
  assert.equal((await usual.sh("cat /srv/of-image 2> /dev/null; echo none")).stdout, "none\n", "nothing of it is in other templates");
});
