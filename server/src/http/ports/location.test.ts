import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import type { PortAddress } from "./address.ts";
import { locationFor } from "./location.ts";

const ID = `cl-${"a".repeat(25)}`;
const HOST = `3000-${ID}.localhost:8080`;
const API = "api.example:8080";
const PREFIX = `/v1/capsules/${ID}/ports/3000`;
const byHost: PortAddress = { capsuleId: ID, port: 3000, form: "host", prefix: "", target: "/a/b?c" };
const byPath: PortAddress = { ...byHost, form: "path", prefix: PREFIX };

function ask(value: string, address: PortAddress, isKeyed: boolean): string | null {
  const request = new IncomingMessage(new Socket());
  request.headers.host = address.form === "host" ? HOST : API;
  return locationFor(value, request, address, isKeyed);
}

test("a redirect of a port's own stays one", () => {
  for (const isKeyed of [true, false]) {
    for (const [value, there] of [
      ["/x?y#z", "/x?y#z"],
      ["x", "/a/x"],
      ["../x", "/x"],
      ["?q", "/a/b?q"],
      [`http://${HOST}/x`, `http://${HOST}/x`],
      [`//${HOST}/x`, "/x"],
    ] as const) {
      assert.equal(ask(value, byHost, isKeyed), there, value);
    }
  }
});

test("below a path it leads below that path, also where the program uses its own name or ours", () => {
  for (const [value, there] of [
    ["/x?y#z", `${PREFIX}/x?y#z`],
    ["x", `${PREFIX}/a/x`],
    ["/../../../../v1/keys", `${PREFIX}/v1/keys`],
    ["/%2e%2e/%2E%2E/v1/keys", `${PREFIX}/v1/keys`],
    ["http://localhost:3000/x", `${PREFIX}/x`],
    [`http://${API}/v1/keys`, `${PREFIX}/v1/keys`],
    [`//${API}/v1/keys`, `${PREFIX}/v1/keys`],
    [`http://${API}${PREFIX}/x`, `${PREFIX}/x`],
    [`http://${API}${PREFIX}/../../../keys`, `${PREFIX}/v1/capsules/keys`],
  ] as const) {
    assert.equal(ask(value, byPath, true), there, value);
  }
});

test("with a key none leads away from its port; without one it may", () => {
  for (const value of [
    "http://evil.example/",
    "//evil.example/x",
    "/\\evil.example/x",
    "https:\\\\evil.example",
    "http://user@evil.example/",
  ]) {
    for (const address of [byHost, byPath]) {
      assert.equal(ask(value, address, true), null, value);
      assert.equal(new URL(ask(value, address, false) ?? "").hostname, "evil.example");
    }
  }
});

test("what browsers could take for another host's name is never given", () => {
  assert.equal(ask("/x/..//evil.example/", byHost, true), "/.//evil.example/");
  assert.equal(ask("\t//evil.example", byHost, true), null);
});

test("whatever a program says, with a key it leads to the port, and below a path never to the API", () => {
  const part = fc.constantFrom(
    "/",
    "\\",
    "..",
    ".",
    "%2e",
    "%2f",
    "http:",
    "https:",
    "//",
    "@",
    "evil.example",
    API,
    HOST,
    "?",
    "#",
    "v1",
    "\t",
    " ",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const value = parts.join("");
      const host = ask(value, byHost, true);
      if (host !== null) assert.equal(new URL(host, `http://${HOST}/a/b`).host, HOST, value);
      const path = ask(value, byPath, true);
      if (path === null) return;
      const url = new URL(path, `http://${API}${PREFIX}/a/b`);
      assert.equal(url.host, API, value);
      assert.ok(url.pathname.startsWith(`${PREFIX}/`), value);
    }),
    { numRuns: 2000 },
  );
});
