import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { buildLogEntry } from "@capsuled/contract";
import type { BuildLogEntry, templateBuild, templateCreate } from "@capsuled/contract";
import type { z } from "zod";
import { expectCall } from "./call.ts";
import { readState } from "./state.ts";

export type Build = z.output<typeof templateBuild>;
export type Recipe = Partial<z.input<typeof templateCreate>>;

export const newName = (): string => `t-${randomBytes(6).toString("hex")}`;

/** Begins a build and answers with its state at once. */
export function begin(recipe: Recipe, key?: string): Promise<Build> {
  return expectCall("createTemplate", 202, { ...(key === undefined ? {} : { key }), body: { name: newName(), ...recipe } });
}

/** Builds to the end, whatever that is. */
export async function build(recipe: Recipe): Promise<Build> {
  const { id } = await begin(recipe);
  await logOf(id);
  return expectCall("getTemplateBuild", 200, { params: { id } });
}

/** Builds a template for one test; deleted at the end of its block. */
export async function newTemplate(recipe: Recipe): Promise<AsyncDisposable & { readonly name: string; readonly build: Build }> {
  const built = await build(recipe);
  assert.equal(built.state, "ready", JSON.stringify(built));
  return {
    name: built.name,
    build: built,
    async [Symbol.asyncDispose]() {
      await expectCall("deleteSnapshot", 204, { params: { name: built.name } });
    },
  };
}

export interface LogEvent {
  readonly id: number;
  readonly entry: BuildLogEntry;
}

/** The log's events after one, until `holds` is true of one, or the stream's end. Each is checked against the contract. */
export async function logOf(id: string, after = 0, holds: (entry: BuildLogEntry) => boolean = () => false): Promise<readonly LogEvent[]> {
  const { url, adminKey } = readState();
  const abort = new AbortController();
  const headers = { "x-api-key": adminKey, ...(after > 0 && { "last-event-id": String(after) }) };
  const response = await fetch(`${url}/v1/templates/builds/${id}/logs`, { headers, signal: abort.signal });
  if (response.status === 204) return [];
  assert.equal(response.status, 200);
  assert.ok(response.body !== null);
  const events: LogEvent[] = [];
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      const data = fields.get("data");
      if (data === undefined) continue;
      const entry = buildLogEntry.parse(JSON.parse(data));
      assert.equal(fields.get("event"), entry.type);
      events.push({ id: Number(fields.get("id")), entry });
      if (!holds(entry)) continue;
      return events;
    }
  }
  return events;
}

/** All that a step printed on one stream. */
export function printed(events: readonly LogEvent[], step: number, stream: "stdout" | "stderr" = "stdout"): string {
  return events.map(({ entry }) => (entry.type === "output" && entry.step === step && entry.stream === stream ? entry.data : "")).join("");
}
