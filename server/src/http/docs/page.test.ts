import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { OPERATION_LIST, renderOpenapi } from "@capsuled/contract";
import { createWorld } from "../testing/world.ts";
import { inline } from "./html.ts";
import { renderDocsPage } from "./page.ts";

const page = renderDocsPage(renderOpenapi("0.1.0"));

test("the page loads nothing from anywhere", () => {
  assert.doesNotMatch(page.html, /<(?:link|img|iframe|object|embed|base)\b/i);
  assert.doesNotMatch(page.html, /\ssrc=|@import|url\(/i);
});

test("the policy allows exactly the page's own style and script, and no handler sits in an attribute", () => {
  for (const [tag, directive] of [
    ["style", "style-src"],
    ["script", "script-src"],
  ] as const) {
    const blocks = [...page.html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, "g"))];
    assert.equal(blocks.length, 1);
    const digest = createHash("sha256")
      .update(blocks[0]?.[1] ?? "")
      .digest("base64");
    assert.ok(page.contentSecurityPolicy.includes(`${directive} 'sha256-${digest}'`));
  }
  assert.match(page.contentSecurityPolicy, /^default-src 'none';/);
  assert.doesNotMatch(page.html, /\s(?:on[a-z]+|style)=/i);
});

test("every operation and every schema has a place, and every link within the page leads to one", () => {
  for (const operation of OPERATION_LIST) assert.ok(page.html.includes(`<section class="operation" id="${operation.id}"`), operation.id);
  const places = new Set([...page.html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]));
  const links = [...page.html.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]);
  assert.ok(links.length > 50);
  for (const link of links) assert.ok(places.has(link), link);
});

test("text of the contract cannot become markup", () => {
  assert.equal(inline("<script>`a<b`&\"'"), "&lt;script&gt;<code>a&lt;b</code>&amp;&quot;&#39;");
});

test("the server sends the page with its policy, and the same document as openapi.json", async () => {
  await using world = await createWorld();
  const response = await world.call("GET", "/docs", { key: null });
  assert.equal(response.headers.get("content-security-policy"), page.contentSecurityPolicy);
  assert.equal(await response.text(), page.html);
  const document: unknown = await (await world.call("GET", "/openapi.json", { key: null })).json();
  assert.deepEqual(document, JSON.parse(JSON.stringify(renderOpenapi("0.1.0"))));
});

const wordsOf = (id: string): string => new RegExp(`id="${id}" data-words="([^"]*)"`).exec(page.html)?.[1] ?? "";

test("the filter finds an operation by its path, its text, its fields, its parameters and its answers", () => {
  for (const [id, words] of [
    ["exec", ["/v1/capsules/{id}/exec", "stdin_encoding", "post", "502", "agent"]],
    ["getProcessOutput", ["octet-stream", "offset of the first byte", "limit"]],
    ["callEndpoint", ["server-sent events", "queue_timeout", "{owner}"]],
    ["openTerminal", ["websocket"]],
    ["schema-Endpoint", ["max_concurrency", "schema"]],
  ] as const)
    for (const word of words) assert.ok(wordsOf(id).includes(word), `${id}: ${word} in ${wordsOf(id)}`);
});

test("a call shows the events that it answers with first, and the JSON that is asked for second", () => {
  const section = page.html.slice(page.html.indexOf('id="callEndpoint"'));
  const titles = [...section.matchAll(/<figcaption>([^<]*)/g)].slice(0, 4).map((match) => match[1]);
  assert.deepEqual(titles, ["Request", "Answer 200, as it comes", "Answer 200, with Accept: application/json", "Answer 202"]);
  assert.match(section, /<span class="client">data:<\/span> \{<span class="key">&quot;type&quot;<\/span>:/);
});
