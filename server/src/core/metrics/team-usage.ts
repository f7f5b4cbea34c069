import { USAGE_DAYS } from "@capsuled/contract";
import { invalid } from "../fail.ts";
import type { Clock } from "../ports/clock.ts";
import type { Day } from "./day.ts";
import { dayOf, parseDay } from "./day.ts";
import { KEPT_DAYS } from "./meter.ts";
import type { DayUsage, UsageStore } from "./store.ts";

/** Days as a caller names them, `YYYY-MM-DD`. */
export interface DaySpan {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface TeamUsage {
  readonly first: Day;
  readonly last: Day;
  readonly days: readonly Omit<DayUsage, "teamId">[];
}

/** A team's days from the first to the last, as far as they are kept and have begun. Throws `invalid_request`. */
export async function teamUsage(
  deps: { readonly store: Pick<UsageStore, "list">; readonly clock: Clock },
  teamId: string,
  span: DaySpan,
): Promise<TeamUsage> {
  const today = dayOf(deps.clock.now());
  const last = span.to === undefined ? today : parseDay(span.to);
  const first = span.from === undefined ? last - USAGE_DAYS.default : parseDay(span.from);
  if (first > last) throw invalid("from", "must not be after the last day");
  if (last - first > USAGE_DAYS.max) throw invalid("from", `must be at most ${USAGE_DAYS.max} days before the last day`);
  const [begin, end] = [Math.max(first, today - KEPT_DAYS + 1), Math.min(last, today)];
  const stored = new Map((await deps.store.list(teamId, begin, end)).map((usage) => [usage.day, usage]));
  const days = Array.from({ length: Math.max(0, end - begin + 1) }, (_, index) => {
    const day = begin + index;
    return stored.get(day) ?? { day, capsuleMs: 0, vcpuMs: 0, memoryMbMs: 0 };
  });
  return { first, last, days };
}
