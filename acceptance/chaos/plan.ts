import type { ContentKind } from "./content.ts";
import { Dice } from "./dice.ts";

/** A socket that reads a process's output: what it does to itself on the way. */
export interface ReaderPlan {
  readonly encoding: "utf-8" | "base64";
  /** Bytes after which it cuts its own socket, each counted from the cut before. */
  readonly cuts: readonly number[];
  /** Bytes after which it takes nothing for a while, once each. */
  readonly stalls: readonly { readonly afterBytes: number; readonly ms: number }[];
}

/** A second reader of the same process, which begins anywhere and may leave early. */
export interface WatcherPlan extends ReaderPlan {
  readonly afterMs: number;
  /** `known`: at the given share of the records that the first reader has had; `named`: by the same `start` once more. */
  readonly from: "start" | "now" | "known" | "named";
  readonly share: number;
  /** Leaves after so many bytes. */
  readonly leavesAfter: number | null;
  readonly byTag: boolean;
}

/** How a process ends by itself. */
export type EndPlan = { readonly code: number } | { readonly signal: "SIGTERM" | "SIGSEGV" | "SIGKILL" };

/** A process of known output, started over a socket or in the background, and what happens to it. */
export interface JobPlan {
  readonly key: string;
  readonly via: "stream" | "background";
  readonly tag: string | null;
  readonly afterMs: number;
  readonly kind: ContentKind;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly writeBytes: number;
  readonly pauseMs: number;
  readonly end: EndPlan;
  readonly reader: ReaderPlan;
  /** Background only: ms until somebody reads; a part is read over plain HTTP only. */
  readonly readAfterMs: number;
  readonly readOverHttp: boolean;
  /** Bytes of the pages of plain HTTP. */
  readonly pageBytes: number;
  readonly watchers: readonly WatcherPlan[];
  /** Somebody kills it: by the API, or another process of the capsule. */
  readonly kill: { readonly by: "api" | "inside"; readonly afterMs: number } | null;
}

/** A short foreground command. */
export interface ExecPlan {
  readonly key: string;
  /** Whether it has an Idempotency-Key, so that it is repeated until it is answered. */
  readonly named: boolean;
  readonly waitMs: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly code: number;
  /** The client goes after this time and asks again. */
  readonly leavesAfterMs: number | null;
  /** Sent twice at once. */
  readonly twice: boolean;
}

export const FAULTS = ["none", "pause", "agent", "disk", "destroy", "stop"] as const;
export type Fault = (typeof FAULTS)[number];

/** A capsule from its creation to its destruction. */
export interface LifePlan {
  readonly name: string;
  readonly hasName: boolean;
  readonly twice: boolean;
  readonly diskMb: number;
  readonly jobs: readonly JobPlan[];
  readonly execs: readonly ExecPlan[];
  readonly fault: Fault;
  readonly faultAfterMs: number;
  readonly pauses: readonly { readonly afterMs: number; readonly forMs: number }[];
}

export const MIB = 1 << 20;
/** Bytes of the longest stream: below the 256 MiB that a journal keeps. */
export const LONGEST = 200 * MIB;
/** Longer than a server waits for a client that takes nothing, in ms. */
const STALL_MS_LONG = 40_000;
/** Bytes that the processes of one capsule print at most: below the 1 GiB that its journals keep. */
const CAPSULE_BYTES = 500 * MIB;

/** The `index`th capsule of a slot. The first of slot 0 prints the longest stream. `longStalls` is the share of stalls that a server does not wait for. */
export function planLife(seed: string, slot: number, index: number, longStalls: number): LifePlan {
  const name = `s${slot}n${index}`;
  const dice = new Dice(`${seed}/${name}`);
  const isLongest = slot === 0 && index === 0;
  const fault = isLongest ? "none" : dice.pick(["none", "none", "pause", "pause", "agent", "disk", "destroy", "stop"] as const);
  let left = CAPSULE_BYTES;
  const jobs = dice
    .list(dice.int(1, 3), () => 0)
    .map((_, number) => {
      const job = planJob(dice.part(`j${number}`), `${name}j${number}`, isLongest && number === 0 ? LONGEST : left, longStalls);
      left = Math.max(MIB, left - job.stdoutBytes - job.stderrBytes);
      return job;
    });
  return {
    name,
    hasName: dice.chance(0.5),
    twice: dice.chance(0.3),
    diskMb: fault === "disk" ? 32 : 512,
    jobs,
    execs: dice.list(dice.int(2, 14), () => 0).map((_, number) => planExec(dice.part(`x${number}`), `${name}x${number}`)),
    fault,
    faultAfterMs: dice.size(20, 4000),
    pauses: dice.list(dice.int(1, 4), () => ({ afterMs: dice.size(20, 1500), forMs: dice.size(20, 1500) })),
  };
}

function planJob(dice: Dice, key: string, bytesMax: number, longStalls: number): JobPlan {
  const isLongest = bytesMax === LONGEST;
  const isSlow = !isLongest && dice.chance(0.5);
  const total = isLongest ? LONGEST : isSlow ? dice.size(2_000, MIB) : dice.chance(0.04) ? LONGEST : dice.size(100_000, 24 * MIB);
  const stderrBytes = dice.chance(0.5) ? 0 : Math.floor(total * dice.next() * 0.5);
  const kind = dice.pick(["text", "binary"] as const);
  const writeBytes = isSlow ? dice.size(total / 200, total / 20) : dice.size(1_000, 256 * 1024);
  const via = dice.pick(["stream", "stream", "background"] as const);
  const watchers = total > 64 * MIB ? 1 : dice.int(0, 2);
  return {
    key,
    via,
    tag: dice.chance(0.5) ? `tag-${key}` : null,
    afterMs: dice.size(1, 1500),
    kind,
    stdoutBytes: Math.min(total, bytesMax) - stderrBytes,
    stderrBytes,
    writeBytes: Math.ceil(writeBytes),
    pauseMs: isSlow ? dice.size(10, 60) : 0,
    end: dice.chance(0.8) ? { code: dice.int(0, 9) } : { signal: dice.pick(["SIGTERM", "SIGSEGV", "SIGKILL"] as const) },
    reader: planReader(dice.part("reader"), kind, total, longStalls),
    readAfterMs: dice.size(1, 3000),
    readOverHttp: via === "background" && dice.chance(0.4),
    pageBytes: dice.size(1_000, 4 * MIB),
    watchers: dice.list(watchers, () => 0).map((_, number) => planWatcher(dice.part(`w${number}`), kind, total, longStalls)),
    kill: !isLongest && dice.chance(0.15) ? { by: dice.pick(["api", "inside"] as const), afterMs: dice.size(20, 3000) } : null,
  };
}

function planReader(dice: Dice, kind: ContentKind, total: number, longStalls: number): ReaderPlan {
  return {
    encoding: kind === "text" && dice.chance(0.6) ? "utf-8" : "base64",
    cuts: dice.list(dice.int(0, 4), () => dice.size(1, total)),
    stalls: dice.chance(0.25)
      ? [{ afterBytes: dice.size(1, total), ms: dice.chance(longStalls) ? STALL_MS_LONG : dice.size(200, 4000) }]
      : [],
  };
}

function planWatcher(dice: Dice, kind: ContentKind, total: number, longStalls: number): WatcherPlan {
  return {
    ...planReader(dice.part("reader"), kind, total, longStalls),
    afterMs: dice.size(50, 3000),
    from: dice.pick(["start", "now", "named", "known", "known"] as const),
    share: dice.next(),
    leavesAfter: dice.chance(0.4) ? dice.size(1, total) : null,
    byTag: dice.chance(0.5),
  };
}

function planExec(dice: Dice, key: string): ExecPlan {
  const named = dice.chance(0.7);
  return {
    key,
    named,
    waitMs: dice.size(1, 400),
    stdoutBytes: dice.size(1, 20_000),
    stderrBytes: dice.chance(0.5) ? 0 : dice.size(1, 5_000),
    code: dice.chance(0.5) ? 0 : dice.int(1, 125),
    leavesAfterMs: named && dice.chance(0.2) ? dice.size(1, 60) : null,
    twice: named && dice.chance(0.15),
  };
}
