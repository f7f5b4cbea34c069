import assert from "node:assert/strict";
import { test } from "node:test";
import { portAddressOf } from "./address.ts";
import type { PortAddress } from "./address.ts";
import { Socket } from "node:net";
import { IncomingMessage } from "node:http";

const ID = `cl-${"a".repeat(25)}`;

function at(host: string | undefined, url = "/", method = "GET", domains: readonly string[] = ["localhost"]): PortAddress | null {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { url, method });
  if (host !== undefined) request.headers.host = host;
  return portAddressOf(request, domains);
}

test("a host name leads to its port, whatever its case, port and final dot, and takes every path", () => {
  for (const host of [`3000-${ID}.localhost`, `3000-${ID}.localhost:8080`, `3000-${ID.toUpperCase()}.LOCALHOST.:8080`]) {
    const address = at(host, "/v1/capsules?x=1", "POST");
    assert.deepEqual(address, { capsuleId: ID, port: 3000, form: "host", prefix: "", target: "/v1/capsules?x=1" });
  }
});

test("a host name below another domain, or none, is the API's own", () => {
  for (const host of [undefined, "", "localhost", `3000-${ID}`, `3000-${ID}.evil.example`, `3000-${ID}.localhost.evil.example`])
    assert.equal(at(host), null, host);
  assert.equal(at(`3000-${ID}.x.example`, "/", "GET", ["*"])?.capsuleId, ID);
  assert.equal(at(`3000-${ID}.localhost`, "/", "GET", []), null, "no domain is set");
});

test("what is no port is said to be none, by both forms", () => {
  for (const port of ["0", "00080", "65536", "99999999999999999999"]) assert.equal(at(`${port}-${ID}.localhost`)?.port, null, port);
  for (const port of ["0", "080", "65536", "8e1", "-1", "%33"])
    assert.equal(at("x", `/v1/capsules/${ID}/ports/${port}/`)?.port, null, port);
  assert.equal(at(`65535-${ID}.localhost`)?.port, 65_535);
});

test("a path leads to its port with the rest of the path and the query as they were written", () => {
  for (const prefix of [`/v1/capsules/${ID}/ports/80`, `/api/v1/capsules/${ID}/ports/80`]) {
    assert.deepEqual(at("x", `${prefix}/a%2Fb/../c?d=%20`), { capsuleId: ID, port: 80, form: "path", prefix, target: "/a%2Fb/../c?d=%20" });
    assert.equal(at("x", prefix)?.target, "/", "without a slash too");
    assert.equal(at("x", `${prefix}?q`)?.target, "/?q");
  }
});

test("the API's own operations on ports are not a port's", () => {
  assert.equal(at("x", `/v1/capsules/${ID}/ports`), null);
  assert.equal(at("x", `/v1/capsules/${ID}/ports/80`, "PUT"), null);
  assert.equal(at("x", `/v1/capsules/${ID}/ports/80/url`, "POST"), null);
  assert.equal(at("x", `/v1/capsules/${ID}/ports/80/url?x`, "POST"), null);
  assert.equal(at("x", `/v1/capsules/${ID}/ports/80/url`)?.target, "/url");
  assert.equal(at("x", `/v1/capsules/${ID}/ports/80/urls`, "POST")?.target, "/urls");
});
