import { inBatches } from "../../lib/in-batches.ts";
import type { Clock } from "../ports/clock.ts";
import type { RunFiles } from "../ports/run-files.ts";
import type { RunStore } from "./store.ts";

/** Runs that one transaction removes at most, and transactions of one team in one tick. */
const BATCH = 500;
const BATCHES_MAX = 100;
/** Files that one tick compares with the store. */
const FILES_MAX = 1000;

export interface RetainRunsDeps {
  readonly clock: Clock;
  readonly runs: Pick<RunStore, "removeOld">;
  readonly files: Pick<RunFiles, "remove">;
  readonly teams: () => Promise<readonly { readonly id: string }[]>;
  /** For how long, in milliseconds, how many of a team, and with how many bytes of output ended runs are kept; the oldest go first. */
  readonly kept: { readonly ms: number; readonly teamMax: number; readonly teamBytesMax: number };
}

/** Removes runs that are kept too long, are too many or too large, team by team, with their files. Returns how many. */
export async function removeOldRuns({ clock, runs, files, teams, kept }: RetainRunsDeps): Promise<number> {
  let removed = 0;
  for (const { id } of await teams()) {
    removed += await inBatches(BATCH, BATCHES_MAX, async (rows) => {
      const gone = await runs.removeOld(id, { since: clock.now() - kept.ms, runsMax: kept.teamMax, bytesMax: kept.teamBytesMax }, rows);
      // The row goes first: what a crash leaves here is a file without a row, which the sweep finds.
      for (const run of gone.files) await files.remove(run);
      return gone.removed;
    });
  }
  return removed;
}

export interface SweepDeps {
  readonly runs: Pick<RunStore, "find">;
  readonly files: Pick<RunFiles, "list" | "remove">;
}

/**
 * Removes files of outputs whose run is not in the store any more, some in each tick. A file is finished a moment before its run's row is
 * written, so one without a row is removed only when it has none the next time either.
 */
export class RunFileSweep {
  readonly #deps: SweepDeps;
  /** The id up to which files were looked at; from the beginning again after the last. */
  #after = "";
  readonly #suspects = new Set<string>();

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  /** Returns how many it removed. */
  async tick(): Promise<number> {
    const { runs, files } = this.#deps;
    const ids = (await files.list()).filter((id) => id > this.#after).toSorted();
    const page = ids.slice(0, FILES_MAX);
    let removed = 0;
    for (const id of page) {
      if ((await runs.find(id)) !== undefined) this.#suspects.delete(id);
      else if (!this.#suspects.delete(id)) this.#suspects.add(id);
      else {
        await files.remove(id);
        removed += 1;
      }
    }
    this.#after = ids.length > page.length ? (page.at(-1) ?? "") : "";
    return removed;
  }
}
