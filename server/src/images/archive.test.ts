import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chainOf, imageOf, json, layoutArchive, savedArchive, sha256 } from "../../../acceptance/harness/image.ts";
import type { TarEntry } from "../../../acceptance/harness/tar.ts";
import { paxOf, tarOf } from "../../../acceptance/harness/tar.ts";
import type { OpenImage } from "../core/ports/images.ts";
import { ImageError } from "../core/ports/images.ts";
import { createImageLibrary } from "./library.ts";
import { IMAGE_LIMITS } from "./limits.ts";
import { readLayers } from "./testing/read-layers.ts";

let dir = "";
before(() => {
  dir = mkdtempSync(join(tmpdir(), "capsuled-images-"));
});
after(() => rmSync(dir, { recursive: true, force: true }));

const library = createImageLibrary(() => Promise.reject(new Error("an archive needs no registry")));
const never = new AbortController().signal;
const LAYERS = [tarOf([{ name: "etc/one", content: "1" }]), tarOf([{ name: "etc/two", content: "2" }])];

async function opened(archive: Buffer, digest: string | null = null): Promise<OpenImage> {
  const archivePath = join(dir, `${sha256(archive).slice(7, 23)}.tar`);
  writeFileSync(archivePath, archive);
  return library.open({ archivePath }, digest, never);
}

/** Opens and reads it to its end. */
async function whole(archive: Buffer): Promise<readonly Buffer[]> {
  const image = await opened(archive);
  try {
    return await readLayers(image);
  } finally {
    await image.close();
  }
}

const refused = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof ImageError && error.code === code && text.test(error.message);

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`an OCI layout's layers (${compression}) and what it says of its processes are read`, async () => {
    const config = { Env: ["A=1", "B=x=y", "PATH=/bin"], User: "app", WorkingDir: "srv", Entrypoint: ["run"], Cmd: ["-v"] };
    const made = imageOf({ layers: LAYERS, compression, config });
    const image = await opened(layoutArchive(made), made.digest);
    assert.equal(image.digest, made.digest);
    assert.deepEqual(image.defaults, {
      envs: { A: "1", B: "x=y", PATH: "/bin" },
      user: "app",
      cwd: "/srv",
      entrypoint: ["run"],
      cmd: ["-v"],
    });
    assert.deepEqual(await readLayers(image), LAYERS);
    await image.close();
  });
}

test("an archive of docker save is read, through its links to layers it has once", async () => {
  const made = imageOf({ layers: LAYERS });
  const image = await opened(savedArchive(made));
  assert.equal(image.digest, sha256(made.config));
  assert.deepEqual(image.defaults, { envs: {}, user: null, cwd: "/", entrypoint: [], cmd: [] }, "it says nothing, and begins in /");
  assert.deepEqual(await readLayers(image), LAYERS);
  await image.close();
});

test("an archive with several images is refused with their names, and one of another platform with its name", async () => {
  const { config } = imageOf({ layers: LAYERS });
  const entry = (tag: string) => ({ Config: "config.json", RepoTags: [tag], Layers: [] });
  const two = tarOf([
    { name: "config.json", content: config },
    { name: "manifest.json", content: json([entry("one:1"), entry("two:2")]) },
  ]);
  await assert.rejects(opened(two), refused("refused", /2 images.*one:1, two:2/));
  const other = imageOf({ layers: LAYERS, architecture: "s390x" });
  for (const archive of [layoutArchive(other), savedArchive(other)])
    await assert.rejects(opened(archive), refused("refused", /linux\/s390x/));
});

test("a layer or a document that is not what its digest says, or is cut, is refused", async () => {
  const made = imageOf({ layers: LAYERS, compression: "gzip" });
  const [config, manifest, layer] = [...made.blobs.keys()];
  const swapped = (digest: string | undefined, bytes: Buffer): Buffer =>
    layoutArchive({ ...made, blobs: new Map([...made.blobs].map(([name, was]) => [name, name === digest ? bytes : was])) });
  await assert.rejects(whole(swapped(config, json({}))), refused("bad_image", /digest/));
  await assert.rejects(whole(swapped(manifest, json({ manifests: [] }))), refused("bad_image", /digest/));
  const bytes = made.blobs.get(layer ?? "") ?? Buffer.alloc(0);
  await assert.rejects(whole(swapped(layer, Buffer.concat([bytes, Buffer.from("more")]))), refused("bad_image", /longer|digest/));
  await assert.rejects(
    whole(swapped(layer, bytes.subarray(0, bytes.length - 8))),
    refused("bad_image", /bytes instead of|compressed wrongly/),
  );
  const flipped = Buffer.from(bytes);
  flipped[20] = (flipped[20] ?? 0) ^ 0xff;
  await assert.rejects(whole(swapped(layer, flipped)), refused("bad_image", /compressed wrongly|digest/));
});

test("layers that hold something else than the configuration says are refused, though they are what the manifest says", async () => {
  const made = imageOf({ layers: LAYERS, compression: "none" });
  const archive = savedArchive({ ...made, layers: [LAYERS[1] ?? Buffer.alloc(0), LAYERS[0] ?? Buffer.alloc(0)] });
  await assert.rejects(whole(archive), refused("bad_image", /not what its digest says/));
});

test("what is no archive, or a hostile one, is refused, and its names lead to nothing on the host", async () => {
  const cut = layoutArchive(imageOf({ layers: LAYERS }));
  const manifest = (layer: string) => ({
    name: "manifest.json",
    content: json([{ Config: "config.json", Layers: [layer] }]),
  });
  const config = { name: "config.json", content: imageOf({ layers: LAYERS.slice(0, 1) }).config };
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.alloc(0), /empty/],
    [Buffer.alloc(4096), /empty/],
    [Buffer.from("no archive".repeat(100)), /no header/],
    [cut.subarray(0, 2000), /longer than the archive|cut|has no/],
    [tarOf([{ name: "index.json", content: "{", size: 10 ** 9 }]), /longer than the archive/],
    [tarOf([{ name: "x", type: "x", content: "99 path=a\n" }]), /malformed/],
    [tarOf([{ name: "index.json", content: "{" }]), /not JSON/],
    [tarOf([{ name: "index.json", content: json({ manifests: [{ digest: "sha256:../../etc/passwd", size: 1 }] }) }]), /digest/],
    [tarOf([config, manifest("../../../../etc/passwd")]), /has no/],
    [tarOf([config, manifest("link"), { name: "link", type: "2", link: "/etc/passwd" }]), /has no/],
    [tarOf([config, manifest("a"), { name: "a", type: "2", link: "b" }, { name: "b", type: "2", link: "a" }]), /has no/],
  ];
  for (const [archive, text] of cases) await assert.rejects(opened(archive), refused("bad_image", text));
});

test("indexes lead to an index a few times and not without an end", async () => {
  const made = imageOf({ layers: LAYERS });
  const image = await opened(layoutArchive(chainOf(made, 3)));
  assert.equal(image.digest, made.digest);
  await image.close();
  await assert.rejects(opened(layoutArchive(chainOf(made, 5))), refused("bad_image", /lead from one to another/));
});

/** An entry with what a pax header says of it. */
function extendedEntry(records: Readonly<Record<string, string>>, name: string, content = ""): readonly TarEntry[] {
  return [
    { name: "about", type: "x", content: paxOf(records) },
    { name, content },
  ];
}

test("an archive's headers take memory for its names only, each of them and all together bounded", async () => {
  const made = imageOf({ layers: LAYERS });
  const saved = savedArchive(made);
  const end = saved.length - 1024;
  const withMore = (entries: readonly TarEntry[]): Buffer => Buffer.concat([saved.subarray(0, end), tarOf(entries)]);
  const fits = await opened(withMore(extendedEntry({ path: `a/${"b".repeat(4094)}`, comment: "c".repeat(50_000) }, "short")));
  await fits.close();
  for (const entries of [
    extendedEntry({ path: "b".repeat(4097) }, "short"),
    extendedEntry({ linkpath: "b".repeat(4097) }, "short"),
    [{ name: "././@LongLink", type: "L", content: "b".repeat(4097) }, { name: "short" }],
    [{ name: "././@LongLink", type: "K", content: "b".repeat(4097) }, { name: "short" }],
  ])
    await assert.rejects(opened(withMore(entries)), refused("bad_image", /a name has more than 4096 bytes/));
  const records = (n: number) => ({ [`key${n}`]: "v".repeat(60_000) });
  const piled = Array.from({ length: 80 }, (_, n): TarEntry => ({ name: "about", type: "x", content: paxOf(records(n)) }));
  await assert.rejects(opened(withMore([...piled, { name: "x" }])), refused("too_big", /extended headers/));
  await assert.rejects(opened(withMore(piled.flatMap((one) => [one, { name: "x" }]))), refused("too_big", /extended headers/));
});

test("a file is as long as its extended header says, and the header itself as long as its own", async () => {
  const made = imageOf({ layers: LAYERS });
  const [manifest = { name: "" }, ...others] = extendedEntry(
    { size: String(made.config.length), path: "config.json" },
    "elsewhere",
    made.config.toString(),
  );
  const list = json([{ Config: "config.json", Layers: ["one", "two"] }]);
  const layers = LAYERS.map((content, n) => ({ name: ["one", "two"][n] ?? "", content }));
  const long = { name: "././@LongLink", type: "K", content: "unused" };
  const image = await opened(tarOf([manifest, long, ...others, ...layers, { name: "manifest.json", content: list }]));
  assert.deepEqual(await readLayers(image), LAYERS);
  await image.close();
});

test("a look that takes too long ends at the next entry, with the reason that it is given", async () => {
  const archivePath = join(dir, "slow.tar");
  writeFileSync(archivePath, savedArchive(imageOf({ layers: LAYERS })));
  await assert.rejects(library.open({ archivePath }, null, AbortSignal.abort(new Error("took too long"))), /took too long/);
});

test("an archive without an end of entries, and one with a document without an end, are refused", async () => {
  const many = tarOf(Array.from({ length: IMAGE_LIMITS.archiveEntriesMax + 1 }, () => ({ name: "x" })));
  await assert.rejects(opened(many), refused("too_big", /entries/));
  const long = tarOf([{ name: "manifest.json", content: " ".repeat(IMAGE_LIMITS.documentBytesMax + 1) }]);
  await assert.rejects(opened(long), refused("too_big", /longer/));
});

test("an archive that was replaced since it was looked at is refused", async () => {
  const made = imageOf({ layers: LAYERS });
  await assert.rejects(opened(layoutArchive(made), `sha256:${"0".repeat(64)}`), refused("bad_image", /not the one/));
});

test("more layers, variables and layers than the configuration names are refused", async () => {
  const layers = Array.from({ length: IMAGE_LIMITS.layersMax + 1 }, () => LAYERS[0] ?? Buffer.alloc(0));
  await assert.rejects(opened(layoutArchive(imageOf({ layers }))), refused("bad_image", /layers/));
  const big = { Env: [`A=${"x".repeat(IMAGE_LIMITS.textCharsMax)}`] };
  await assert.rejects(opened(layoutArchive(imageOf({ layers: LAYERS, config: big }))), refused("too_big", /characters/));
  await assert.rejects(opened(layoutArchive(imageOf({ layers: LAYERS, config: { Cmd: ["a\0b"] } }))), refused("bad_image", /NUL/));
});

test("a variable without a value in the image's configuration is none", async () => {
  const image = await opened(layoutArchive(imageOf({ layers: LAYERS, config: { Env: ["FOO", "=x", "A=", "B=1=2"] } })));
  assert.deepEqual(image.defaults.envs, { A: "", B: "1=2" });
  await image.close();
});
