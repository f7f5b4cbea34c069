import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeHmac } from "../../lib/node/hmac.ts";
import { expiryOfToken, signPort } from "./token.ts";

const KEY = new Uint8Array(32).fill(7);
const ID = `cl-${"a".repeat(25)}`;
const token = signPort(nodeHmac, KEY, ID, 80, 1_790_000_000_000);
const expiry = (id: string, port: number, text: string, key = KEY): number | undefined => expiryOfToken(nodeHmac, key, id, port, text);

test("a token tells its expiry to the port of the capsule that it was made for, and to no other", () => {
  assert.equal(expiry(ID, 80, token), 1_790_000_000_000);
  assert.equal(expiry(ID, 81, token), undefined);
  assert.equal(expiry(ID, 8, token), undefined);
  assert.equal(expiry(`cl-${"b".repeat(25)}`, 80, token), undefined);
  assert.equal(expiry(ID, 80, token, new Uint8Array(32).fill(8)), undefined, "another installation's");
});

test("a token that was changed in any character is none", () => {
  for (let at = 0; at < token.length; at += 1) {
    const other = token[at] === "0" ? "1" : "0";
    assert.equal(expiry(ID, 80, token.slice(0, at) + other + token.slice(at + 1)), undefined, `character ${at}`);
  }
  for (const text of ["", ".", token.toUpperCase(), `${token} `, `${token}0`, token.slice(0, -1), `0${token}`, token.replace(".", "")])
    assert.equal(expiry(ID, 80, text), undefined, text);
});
