import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { ARCHITECTURE, chainOf, imageOf, indexOf, json, sha256 } from "../../../acceptance/harness/image.ts";
import { CREDENTIALS, startRegistry } from "../../../acceptance/harness/registry.ts";
import { tarOf } from "../../../acceptance/harness/tar.ts";
import type { ImageErrorCode, OpenImage } from "../core/ports/images.ts";
import { ImageError } from "../core/ports/images.ts";
import { createGuardedGet } from "../outbound/guarded-get.ts";
import { resolveBySystem } from "../outbound/resolve.ts";
import { createImageLibrary } from "./library.ts";
import { IMAGE_LIMITS } from "./limits.ts";
import { readReference } from "./registry/reference.ts";
import { readLayers } from "./testing/read-layers.ts";

const LAYERS = [tarOf([{ name: "etc/one", content: "1" }]), tarOf([{ name: "etc/two", content: "2" }])];
const never = new AbortController().signal;
const library = createImageLibrary(createGuardedGet({ allowPrivate: true, resolve: resolveBySystem }));
const guarded = createImageLibrary(createGuardedGet({ allowPrivate: false, resolve: resolveBySystem }));

const open = (reference: string, password?: string, signal = never): Promise<OpenImage> =>
  library.open({ reference, credentials: password === undefined ? null : { ...CREDENTIALS, password } }, null, signal);

const refused = (code: ImageErrorCode, text: RegExp) => (error: unknown) =>
  error instanceof ImageError && error.code === code && text.test(error.message);

test("an image is pulled by tag and by digest, and by an index for this host's platform", async () => {
  await using registry = await startRegistry();
  const mine = imageOf({ layers: LAYERS, compression: "zstd", config: { Cmd: ["sh"] } });
  const other = imageOf({ layers: [], architecture: "s390x" });
  const byTag = await open(registry.put("one", mine));
  assert.deepEqual([byTag.digest, byTag.defaults.cmd], [mine.digest, ["sh"]]);
  assert.deepEqual(await readLayers(byTag), LAYERS);
  registry.put("other", other);
  const index = indexOf([
    { image: other, architecture: "s390x" },
    { image: mine, architecture: ARCHITECTURE },
  ]);
  assert.equal((await open(registry.putDocument("many", index))).digest, mine.digest);
  assert.equal((await open(`${registry.host}/test/image@${mine.digest}`)).digest, mine.digest);
  await assert.rejects(
    open(registry.putDocument("none", indexOf([{ image: other, architecture: "s390x" }]))),
    refused("not_found", /s390x/),
  );
});

test("a digest that was resolved is what is pulled, wherever its tag has moved since", async () => {
  await using registry = await startRegistry();
  const first = imageOf({ layers: LAYERS });
  const reference = registry.put("moving", first);
  registry.put("moving", imageOf({ layers: LAYERS.toReversed() }));
  const again = await library.open({ reference, credentials: null }, first.digest, never);
  assert.equal(again.digest, first.digest);
});

for (const authority of ["basic", "token"] as const) {
  test(`credentials (${authority}) are given where they are asked for, and wrong ones or none are told as such`, async () => {
    await using registry = await startRegistry({ authority, password: "right" });
    const reference = registry.put("private", imageOf({ layers: LAYERS }));
    assert.deepEqual(await readLayers(await open(reference, "right")), LAYERS);
    await assert.rejects(open(reference, "wrong"), refused("unauthorized", /not for this user name/));
    await assert.rejects(open(reference), refused("unauthorized", /needs a user name/));
  });
}

test("a token is given to anybody who asks, where the registry wants one from everybody", async () => {
  await using registry = await startRegistry({ authority: "token" });
  assert.deepEqual(await readLayers(await open(registry.put("public", imageOf({ layers: LAYERS })))), LAYERS);
});

test("a token that is too old in the middle of an image is asked for anew, once for each request", async () => {
  let tokens = 0;
  let good = "";
  const image = imageOf({ layers: LAYERS });
  await using registry = await startRegistry({
    answer(request, response) {
      if (request.url?.startsWith("/token") === true) {
        tokens += 1;
        good = `t${tokens}`;
        response.end(JSON.stringify({ token: good }));
        return true;
      }
      if (request.headers.authorization === `Bearer ${good}`) {
        good = "too old by now";
        return false;
      }
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end();
      return true;
    },
  });
  assert.deepEqual(await readLayers(await open(registry.put("long", image))), LAYERS);
  assert.equal(tokens, 4, "for the manifest, the configuration and two layers");
});

test("whom the registry sends to learns no password by asking for one", async () => {
  const asked: string[] = [];
  await using realm = await startRegistry({
    answer(request, response) {
      asked.push(request.url ?? "");
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host ?? ""}/token"` }).end();
      return true;
    },
  });
  await using registry = await startRegistry({
    answer(_, response) {
      response.writeHead(307, { location: `http://${realm.host}/blob` }).end();
      return true;
    },
  });
  await assert.rejects(open(registry.put("elsewhere", imageOf({ layers: LAYERS })), "right"), refused("unauthorized", /./));
  assert.deepEqual(asked, ["/blob"]);
});

test("indexes lead to an index a few times and not without an end", async () => {
  await using registry = await startRegistry();
  const image = imageOf({ layers: LAYERS });
  assert.equal((await open(registry.put("few", chainOf(image, 4)))).digest, image.digest);
  await assert.rejects(open(registry.put("many", chainOf(image, 5))), refused("bad_image", /lead from one to another/));
});

test("blobs are fetched from where the registry sends, without what was given for the registry", async () => {
  const seen: (string | undefined)[] = [];
  const image = imageOf({ layers: LAYERS });
  await using store = await startRegistry({
    answer(request, response) {
      seen.push(request.headers.authorization);
      response.end(image.blobs.get(request.url?.slice(1) ?? ""));
      return true;
    },
  });
  await using registry = await startRegistry({
    authority: "basic",
    password: "right",
    answer(request, response) {
      const digest = /blobs\/(sha256:.*)$/.exec(request.url ?? "")?.[1];
      if (digest === undefined) return false;
      response.writeHead(307, { location: `http://${store.host}/${digest}` }).end();
      return true;
    },
  });
  assert.deepEqual(await readLayers(await open(registry.put("elsewhere", image), "right")), LAYERS);
  assert.deepEqual(new Set(seen), new Set([undefined]));
});

test("without the setting, no address but those of the public internet is called, by name or by number", async () => {
  await using registry = await startRegistry();
  registry.put("one", imageOf({ layers: LAYERS }));
  const port = registry.host.split(":")[1] ?? "";
  for (const host of [registry.host, `localhost:${port}`, `[::1]:${port}`, "10.0.0.1", "169.254.169.254", "192.168.1.1:5000"])
    await assert.rejects(
      guarded.open({ reference: `${host}/test/image:one`, credentials: null }, null, never),
      refused("refused", /public internet/),
    );
  assert.deepEqual(registry.requests, []);
});

test("a registry of the internet leads no request into this network, by a redirect or by the realm of a token", async () => {
  await using registry = await startRegistry();
  const get = createGuardedGet({ allowPrivate: false, resolve: resolveBySystem });
  const inward = `https://${registry.host}/token`;
  for (const [status, headers] of [
    [307, { location: inward }],
    [401, { "www-authenticate": `Bearer realm="${inward}"` }],
  ] as const) {
    const body = { destroy: () => undefined, async *[Symbol.asyncIterator]() {} };
    const leading = createImageLibrary((url, ...rest) =>
      url.hostname === "registry.example" ? Promise.resolve({ kind: "answered", status, headers, body }) : get(url, ...rest),
    );
    const opening = leading.open({ reference: "registry.example/test/image", credentials: null }, null, never);
    await assert.rejects(opening, refused("refused", /127\.0\.0\.1 is not an address of the public internet/));
  }
  assert.deepEqual(registry.requests, []);
});

test("what does not answer, or answers with anything but an image, is told as such", async () => {
  const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    "/v2/test/image/manifests/missing": (_, response) => response.writeHead(404).end(),
    "/v2/test/image/manifests/broken": (_, response) => response.writeHead(500).end(),
    "/v2/test/image/manifests/often": (_, response) => response.writeHead(429).end(),
    "/v2/test/image/manifests/page": (_, response) => response.end("<html>"),
    "/v2/test/image/manifests/old": (_, response) => response.end(json({ schemaVersion: 1, manifests: undefined })),
    "/v2/test/image/manifests/large": (_, response) => response.end(Buffer.alloc(IMAGE_LIMITS.documentBytesMax + 1)),
    "/v2/test/image/manifests/round": (_, response) => response.writeHead(302, { location: "/v2/test/image/manifests/round" }).end(),
    "/v2/test/image/manifests/file": (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
    "/v2/test/image/manifests/plain": (_, response) => response.writeHead(302, { location: "http://registry.example/" }).end(),
    "/v2/test/image/manifests/cut": (_, response) =>
      void response.writeHead(200, { "content-length": 100 }).write("{", () => response.destroy()),
    "/v2/test/image/manifests/realm": (_, response) => response.writeHead(401, { "www-authenticate": 'Bearer realm="ftp://x/"' }).end(),
  };
  await using registry = await startRegistry({
    answer(request, response) {
      const known = answers[request.url ?? ""];
      known?.(request, response);
      return known !== undefined;
    },
  });
  const cases: readonly (readonly [string, ImageErrorCode, RegExp])[] = [
    ["missing", "not_found", /has no test\/image with missing/],
    ["broken", "unreachable", /status 500/],
    ["often", "unreachable", /too often/],
    ["page", "bad_image", /not JSON/],
    ["old", "refused", /first schema/],
    ["large", "too_big", /longer than/],
    ["round", "unreachable", /redirects more than/],
    ["file", "refused", /no TLS/],
    ["plain", "refused", /no TLS/],
    ["cut", "unreachable", /broke its answer off/],
    ["realm", "refused", /no TLS/],
  ];
  for (const [tag, code, text] of cases) await assert.rejects(open(`${registry.host}/test/image:${tag}`), refused(code, text), tag);
  await assert.rejects(open("127.0.0.1:1/test/image"), refused("unreachable", /refused/));
});

test("a layer that is not what its digest says is refused at its end", async () => {
  await using registry = await startRegistry();
  const image = imageOf({ layers: LAYERS, compression: "none" });
  const reference = registry.put("swapped", image);
  registry.putBlob(sha256(LAYERS[0] ?? Buffer.alloc(0)), LAYERS[1] ?? Buffer.alloc(0));
  await assert.rejects(open(reference).then(readLayers), refused("bad_image", /not what its digest says|bytes/));
});

test("whoever waits for a layer can give up", async () => {
  const layer = Buffer.concat([tarOf([{ name: "a", content: Buffer.alloc(1 << 20) }])]);
  const image = imageOf({ layers: [layer], compression: "none" });
  await using registry = await startRegistry({
    answer(request, response) {
      if (!request.url?.endsWith(sha256(layer))) return false;
      response.writeHead(200).write(layer.subarray(0, 1024));
      return true;
    },
  });
  const giveUp = new AbortController();
  const opened = await open(registry.put("slow", image), undefined, giveUp.signal);
  const pieces = opened.layers[0]?.read(giveUp.signal)[Symbol.asyncIterator]();
  await pieces?.next();
  const next = pieces?.next();
  giveUp.abort(new Error("given up"));
  await assert.rejects(async () => next, /given up/);
});

test("references are read as Docker reads them, and what is none is refused", () => {
  const tag = { version: "latest" };
  assert.deepEqual(readReference("alpine"), { registry: "registry-1.docker.io", repository: "library/alpine", ...tag });
  assert.deepEqual(readReference("docker.io/owner/name:1.2"), {
    registry: "registry-1.docker.io",
    repository: "owner/name",
    version: "1.2",
  });
  assert.deepEqual(readReference("ghcr.io/a/b/c"), { registry: "ghcr.io", repository: "a/b/c", ...tag });
  assert.deepEqual(readReference("localhost/x"), { registry: "localhost", repository: "x", ...tag });
  const digest = `sha256:${"a".repeat(64)}`;
  assert.deepEqual(readReference(`host:5000/x:1@${digest}`), { registry: "host:5000", repository: "x", version: digest });
  const bad = [
    "",
    "A",
    "a:",
    "a@sha256:1",
    "a@b@c",
    "../a",
    "a/../b",
    "host/",
    "user@host/a",
    "a b",
    "a?x",
    "a#x",
    "a%2f",
    "host:99999999/a",
    "a:b:c",
  ];
  for (const text of [...bad, "x".repeat(600), "http://host/a"])
    assert.throws(() => readReference(text), refused("refused", /no reference/), text);
});
