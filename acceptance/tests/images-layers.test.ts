import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall } from "../harness/call.ts";
import { ARCHITECTURE, imageOf, indexOf } from "../harness/image.ts";
import type { ImageParts } from "../harness/image.ts";
import { buildOf, capsuleOfImage, programEntries } from "../harness/image-build.ts";
import type { TestRegistry } from "../harness/registry.ts";
import { startRegistry } from "../harness/registry.ts";
import type { TarEntry } from "../harness/tar.ts";
import { tarOf } from "../harness/tar.ts";

let registry: TestRegistry;
let programs: readonly TarEntry[];
before(async () => {
  registry = await startRegistry();
  programs = [
    ...programEntries(["sh", "cat", "ls", "stat", "id"]),
    { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n" },
  ];
});
after(() => registry[Symbol.asyncDispose]());

let tags = 0;
function put(layers: readonly (readonly TarEntry[])[], more: Partial<ImageParts> = {}): string {
  return registry.put(`t${(tags += 1)}`, imageOf({ layers: [programs, ...layers].map((entries) => tarOf(entries)), ...more }));
}
const logOf = async (id: string): Promise<string> => String(await expectCall("streamTemplateBuild", 200, { params: { id } }));

test("a hard link leads to a file of a layer below, and each of the two goes its own way in the layers above", async () => {
  const layers: TarEntry[][] = [
    [
      { name: "srv/one", content: "same" },
      { name: "srv/gone", content: "kept by its link" },
    ],
    [
      { name: "srv/two", type: "1", link: "srv/one" },
      { name: "srv/left", type: "1", link: "srv/gone" },
      { name: "srv/absolute", type: "1", link: "/srv/one" },
    ],
    [{ name: "srv/two", content: "changed" }, { name: "srv/.wh.gone" }],
  ];
  await using capsule = await capsuleOfImage({ reference: put(layers) });
  const { stdout } = await capsule.sh("cd /srv; stat -c '%n %h' *; cat one two left");
  assert.equal(stdout, "absolute 2\nleft 1\none 2\ntwo 1\nsamechangedkept by its link");
});

test("an opaque directory hides what is below it, wherever among its own files it is said, and whiteouts go through links", async () => {
  const below: TarEntry[] = [
    { name: "srv/first/below/deep", content: "x" },
    { name: "srv/last/below", content: "x" },
    { name: "srv/real/below", content: "x" },
    { name: "srv/real/kept", content: "x" },
    { name: "srv/way", type: "2", link: "real" },
    { name: "srv/link", type: "2", link: "real" },
  ];
  const above: TarEntry[] = [
    { name: "srv/first/.wh..wh..opq" },
    { name: "srv/first/own", content: "x" },
    { name: "srv/last/own", content: "x" },
    { name: "srv/last/.wh..wh..opq" },
    { name: "srv/way/.wh.below" },
    { name: "srv/.wh.link" },
    { name: "srv/.wh.never-there" },
    { name: "srv/.wh..wh.plnk", content: "of another tool" },
  ];
  await using capsule = await capsuleOfImage({ reference: put([below, above]) });
  const { stdout } = await capsule.sh("cd /srv; ls; ls first last real");
  assert.equal(stdout, "first\nlast\nreal\nway\nfirst:\nown\n\nlast:\nown\n\nreal:\nkept\n");
});

test("device files are left out and owners that a capsule has not are nobody, and the log says how many", async () => {
  const layer: TarEntry[] = [
    { name: "srv/null", type: "3" },
    { name: "srv/disk", type: "4" },
    { name: "srv/far", content: "x", uid: 100_000, gid: 100_000 },
  ];
  await using capsule = await capsuleOfImage({ reference: put([layer]) });
  assert.equal((await capsule.sh("cd /srv; ls; stat -c '%u %g' far")).stdout, "far\n65534 65534\n");
  assert.match(await logOf(capsule.build.id), /2 device files left out, 1 entries of owners beyond 65535 given to nobody/);
});

test("set-user-id bits of an image are kept, and give nobody another user", async () => {
  const [id] = programs.filter(({ name }) => name === "bin/id");
  assert.ok(id !== undefined);
  await using capsule = await capsuleOfImage({
    reference: put([[{ ...id, name: "bin/set-id", mode: 0o6755 }]], { config: { User: "app" } }),
  });
  const { stdout } = await capsule.sh("stat -c '%a %u' /bin/set-id; set-id -u; set-id -g");
  assert.equal(stdout, "6755 0\n1000\n1000\n");
});

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`of a list of platforms this host's image is taken, its layers ${compression}`, async () => {
    const mine = imageOf({ layers: [tarOf(programs), tarOf([{ name: "srv/of", content: compression }])], compression });
    const others = ["s390x", "riscv64"].map((architecture) => ({ architecture, image: imageOf({ layers: [tarOf([])], architecture }) }));
    const attestation = { architecture: "unknown", image: imageOf({ layers: [tarOf([{ name: "attested", content: "x" }])] }) };
    registry.put(`list-${compression}`, mine);
    const list = registry.putDocument(
      `lists-${compression}`,
      indexOf([...others, attestation, { architecture: ARCHITECTURE, image: mine }]),
    );
    await using capsule = await capsuleOfImage({ reference: list });
    assert.equal((await capsule.sh("cat /srv/of")).stdout, compression);
    const none = registry.putDocument(`none-${compression}`, indexOf(others));
    const build = await buildOf({ reference: none });
    assert.deepEqual([build.state, build.reason], ["failed", "base_failed"]);
    assert.match(build.message ?? "", new RegExp(`no image for linux/${ARCHITECTURE}; there is linux/s390x, linux/riscv64`));
  });
}

/** A layer that is small on its way and endless once it is unpacked. */
const BOMBS: readonly (readonly [string, Partial<ImageParts>, readonly TarEntry[]])[] = [
  ["gzip", { compression: "gzip" }, [{ name: "srv/bomb", content: Buffer.alloc(160 * 1024 * 1024) }]],
  ["zstd", { compression: "zstd" }, [{ name: "srv/bomb", content: Buffer.alloc(160 * 1024 * 1024) }]],
  ["a file that is nothing but a hole", {}, [pax({ "GNU.sparse.size": String(2 ** 40), "GNU.sparse.map": "0,0" }), { name: "srv/bomb" }]],
];
for (const [what, more, entries] of BOMBS) {
  test(`a layer that grows without an end (${what}) ends at the disk that it is given`, { timeout: 180_000 }, async () => {
    const build = await buildOf({ reference: put([entries], more) }, { disk_mb: 64 });
    assert.deepEqual([build.state, build.reason], ["failed", "base_failed"]);
    assert.match(build.message ?? "", /does not fit into its disk of 64 MiB/);
  });
}

/** Extended headers for the entry that follows. */
function pax(values: Readonly<Record<string, string>>): TarEntry {
  const record = ([name, value]: readonly [string, string]): string => {
    const rest = ` ${name}=${value}\n`;
    let length = rest.length + 1;
    while (`${length}${rest}`.length !== length) length += 1;
    return `${length}${rest}`;
  };
  return { name: "extended", type: "x", content: Object.entries(values).map(record).join("") };
}
