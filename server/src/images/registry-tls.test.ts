import assert from "node:assert/strict";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { after, before, test } from "node:test";
import type { Authority } from "../../../acceptance/harness/certificates.ts";
import { newAuthority } from "../../../acceptance/harness/certificates.ts";
import { imageOf } from "../../../acceptance/harness/image.ts";
import type { RegistryOptions, TestRegistry } from "../../../acceptance/harness/registry.ts";
import { CREDENTIALS, startRegistry } from "../../../acceptance/harness/registry.ts";
import { tarOf } from "../../../acceptance/harness/tar.ts";
import { ImageError } from "../core/ports/images.ts";
import { createGuardedGet } from "../outbound/guarded-get.ts";
import { createImageLibrary } from "./library.ts";

const LAYER = tarOf([{ name: "etc/one", content: "1" }]);
const never = new AbortController().signal;
/** All names are this machine: with one that is not `localhost`, a registry is spoken to over TLS. */
const library = createImageLibrary(createGuardedGet({ allowPrivate: true, resolve: () => Promise.resolve(["127.0.0.1"]) }));

const usual = getCACertificates("default");
let trusted: Authority;
before(() => {
  trusted = newAuthority();
  setDefaultCACertificates([...usual, trusted.cert]);
});
after(() => setDefaultCACertificates(usual));

/** The first layer of an image in the registry, called by a name of its own. */
async function firstLayer(registry: TestRegistry, password?: string): Promise<Buffer> {
  const reference = registry.put("one", imageOf({ layers: [LAYER] })).replace("127.0.0.1", "registry.test");
  const image = await library.open({ reference, credentials: password === undefined ? null : { ...CREDENTIALS, password } }, null, never);
  const pieces: Uint8Array[] = [];
  for await (const piece of image.layers[0]?.read(never) ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

const unreachable = (text: RegExp) => (error: unknown) =>
  error instanceof ImageError && error.code === "unreachable" && text.test(error.message) && error.message.includes("registry.test");

for (const options of [
  {},
  { authority: "token", password: "right" },
  { authority: "basic", password: "right" },
] satisfies RegistryOptions[])
  test(`an image is pulled over TLS (${options.authority ?? "open"}) where the authority of the certificate is trusted`, async () => {
    await using registry = await startRegistry({ ...options, tls: trusted.issue(["DNS:registry.test"]) });
    assert.deepEqual(await firstLayer(registry, options.password), LAYER);
  });

test("a certificate of an unknown authority, one that signed itself, and one for another name are told as such", async () => {
  const cases = [
    [newAuthority().issue(["DNS:registry.test"]), /of no authority that this server trusts/],
    [newAuthority(), /of no authority that this server trusts/],
    [trusted.issue(["DNS:other.test", "IP:127.0.0.1"]), /its certificate is for another name/],
  ] as const;
  for (const [tls, text] of cases) {
    await using registry = await startRegistry({ tls });
    await assert.rejects(firstLayer(registry, "secret"), unreachable(text));
    assert.deepEqual(registry.requests, [], "nothing is asked, and no password told, before the certificate is seen");
  }
});

test("a registry that speaks no TLS is not asked without it", async () => {
  await using registry = await startRegistry();
  await assert.rejects(firstLayer(registry), unreachable(/speaks no TLS/));
  assert.deepEqual(registry.requests, []);
});
