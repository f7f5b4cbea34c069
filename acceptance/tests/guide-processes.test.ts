import assert from "node:assert/strict";
import { test } from "node:test";
import { call } from "../harness/call.ts";
import { GuideReader } from "../harness/guide-run.ts";
import { blocksOf } from "../harness/guide.ts";

const GUIDE = "docs/guides/processes.md";

/** What a document makes goes, also where it is not followed to its end. */
async function withReader(follow: (reader: GuideReader) => Promise<void>): Promise<void> {
  using reader = new GuideReader(["ID", "JOB"]);
  try {
    await follow(reader);
  } finally {
    const { ID: id } = reader.env;
    if (id !== undefined) await call("destroyCapsule", { params: { id } });
  }
}

test("the samples of the guide to processes do what it says they do, one after another", { timeout: 300_000 }, async () => {
  const blocks = blocksOf(GUIDE);
  assert.ok(blocks.length >= 9, `${blocks.length} blocks`);
  await withReader(async (reader) => assert.equal(await reader.follow(GUIDE, blocks), 5));
});

test("the README's first exec does what it says", { timeout: 120_000 }, async () => {
  const blocks = blocksOf("README.md");
  const at = blocks.findIndex(({ language, text }) => language === "sh" && text.includes("/exec"));
  const first = blocks[at];
  assert.ok(first !== undefined && first.text.trim().split("\n").length === 4, "four lines");
  await withReader(async (reader) => assert.equal(await reader.follow("README.md", blocks.slice(at, at + 2)), 1));
});
