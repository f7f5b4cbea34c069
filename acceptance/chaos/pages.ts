import { setTimeout as sleep } from "node:timers/promises";
import { outputPage } from "@capsuled/contract";
import { readState } from "../harness/state.ts";
import { ask, ANSWER_MS_MAX } from "./ask.ts";
import type { StreamName } from "./content.ts";
import type { JobPlan } from "./plan.ts";
import { contentOf } from "./producer.ts";
import { StreamCheck } from "./stream-check.ts";
import type { Fate, World } from "./world.ts";

/** Milliseconds between two looks at a process that has printed nothing new. */
const LOOK_MS = 60;

/**
 * Reads a stream over plain HTTP, page by page by its own offsets, JSON and raw bytes in turn, until the process has ended.
 * Gives the check, settled; `null` total where the capsule ended first.
 */
export async function readPages(
  world: World,
  at: { readonly capsuleId: string; readonly id: string; readonly fate: Fate },
  job: JobPlan,
  stream: StreamName,
): Promise<{ readonly check: StreamCheck; readonly total: number | null }> {
  const who = `${job.key}/${stream} pages`;
  const check = new StreamCheck(contentOf(world.seed, job, stream), 0);
  let total: number | null = null;
  let progressAt = performance.now();
  for (let turn = 0; total === null; turn += 1) {
    const from = check.at ?? 0;
    const wasOver = at.fate.isOver;
    const page =
      turn % 2 === 0 ? await jsonPage(world, who, at, stream, from, job.pageBytes) : await rawPage(world, at, stream, from, job.pageBytes);
    if (page === "gone" && (wasOver || at.fate.doom === null)) {
      if (!wasOver) refuse(world, who, "output that is not there any more", { from });
      break;
    }
    if (page !== "gone" && page !== "again") {
      if (page.from !== from) check.skip(page.from - from);
      const before = check.isFaultless;
      if (page.bytes.length > 0) {
        check.feed(page.bytes);
        progressAt = performance.now();
      }
      if (before && !check.isFaultless) world.ledger.find(who, "wrong bytes", { from, length: page.bytes.length });
      if (page.ended && check.at === page.total) total = page.total;
      if (page.bytes.length > 0) continue;
    }
    if (performance.now() - progressAt > ANSWER_MS_MAX) {
      refuse(world, who, "pages bring nothing any more", { from });
      break;
    }
    await sleep(LOOK_MS);
  }
  if (total !== null) check.end(total, false);
  world.ledger.bytes.expected += check.due;
  world.ledger.bytes.lost += check.lost + check.altered;
  world.ledger.bytes.doubled += check.doubled;
  return { check, total };
}

interface Page {
  readonly bytes: Buffer;
  readonly from: number;
  readonly total: number;
  readonly ended: boolean;
}

type PageAnswer = Page | "gone" | "again";

async function jsonPage(
  world: World,
  who: string,
  at: { readonly capsuleId: string; readonly id: string },
  stream: StreamName,
  from: number,
  limit: number,
): Promise<PageAnswer> {
  const { status, body } = await ask(world, who, "getProcessOutput", {
    params: { id: at.capsuleId, selector: at.id },
    query: { stream, from: String(from), limit: String(Math.min(limit, 1 << 20)) },
  });
  if (status !== 200) return "gone";
  const page = outputPage.parse(body);
  return { ...page, bytes: Buffer.from(page.data, page.encoding === "base64" ? "base64" : "utf8") };
}

/** Bytes as they are; an answer that breaks off gives what came of it. */
async function rawPage(
  world: World,
  at: { readonly capsuleId: string; readonly id: string },
  stream: StreamName,
  from: number,
  limit: number,
): Promise<PageAnswer> {
  const { url, adminKey } = readState();
  const parts: Uint8Array[] = [];
  let response: Response;
  try {
    response = await fetch(`${url}/v1/capsules/${at.capsuleId}/processes/${at.id}/output?stream=${stream}&from=${from}&limit=${limit}`, {
      headers: { "x-api-key": adminKey, accept: "application/octet-stream" },
      signal: world.broken,
    });
  } catch {
    return "again";
  }
  let isWhole = false;
  try {
    const body: ReadableStream<Uint8Array> | null = response.body;
    const reader = body?.getReader();
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) parts.push(part.value);
    isWhole = true;
  } catch {
    // cut off: what came before is right, and the next page goes on after it
  }
  if (response.status === 502 || response.status === 503) return "again";
  if (response.status !== 200) return "gone";
  const [first, total] = ["x-output-from", "x-output-total"].map((name) => Number(response.headers.get(name)));
  return {
    bytes: Buffer.concat(parts),
    from: first ?? 0,
    total: total ?? 0,
    ended: isWhole && response.headers.get("x-output-ended") === "true",
  };
}

function refuse(world: World, who: string, what: string, facts: Readonly<Record<string, unknown>>): void {
  world.ledger.answers.wrong += 1;
  world.ledger.find(who, what, facts);
}
