import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { property } from "../harness/call.ts";
import { newAuthority } from "../harness/certificates.ts";
import { imageOf } from "../harness/image.ts";
import { startRegistry } from "../harness/registry.ts";
import { endServer, readAdminKey, startServer } from "../harness/server-process.ts";
import { tarOf } from "../harness/tar.ts";

/** This machine, by an address that is not taken for it: its registries are spoken to over TLS. */
const ADDRESS = "::ffff:127.0.0.1";

test("a registry's certificate is checked, also against the authorities that NODE_EXTRA_CA_CERTS names", { timeout: 60_000 }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "capsuled-tls-"));
  const [known, stranger] = [newAuthority(), newAuthority()];
  writeFileSync(join(dataDir, "authority.pem"), known.cert);
  const env = { CAPSULED_DRIVER: "fake", CAPSULED_IMAGE_PRIVATE: "true", NODE_EXTRA_CA_CERTS: join(dataDir, "authority.pem") };
  const server = await startServer({ dataDir, port: 0, logFile: join(dataDir, "log"), env });
  const headers = { "x-api-key": readAdminKey(dataDir), "content-type": "application/json" };
  const ask = async (method: string, path: string, body?: unknown): Promise<string> => {
    const answer = await fetch(server.url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    return answer.text();
  };
  /** What the build of the registry's image says, to its end. The fake driver unpacks none. */
  const logOf = async (host: string): Promise<string> => {
    const image = { reference: `${host.replace("127.0.0.1", "[::ffff:7f00:1]")}/test/image:one` };
    const build: unknown = JSON.parse(await ask("POST", "/v1/templates", { name: "of-tls", from: { image }, wait_ms: 30_000 }));
    return ask("GET", `/v1/templates/builds/${String(property(build, "id"))}/logs`);
  };
  try {
    const image = imageOf({ layers: [tarOf([{ name: "etc/one", content: "1" }])] });
    await using trusted = await startRegistry({ tls: known.issue([`IP:${ADDRESS}`]) });
    await using unknown = await startRegistry({ tls: stranger.issue([`IP:${ADDRESS}`]) });
    await using misnamed = await startRegistry({ tls: known.issue(["DNS:registry.test"]) });
    for (const registry of [trusted, unknown, misnamed]) registry.put("one", image);
    assert.match(await logOf(trusted.host), new RegExp(`${image.digest}, 1 layers`));
    assert.match(await logOf(unknown.host), /its certificate is of no authority that this server trusts/);
    assert.match(await logOf(misnamed.host), /its certificate is for another name/);
    assert.deepEqual([unknown.requests, misnamed.requests], [[], []]);
  } finally {
    await endServer(server.pid, "SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
  }
});
