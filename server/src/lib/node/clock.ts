import { hrtime } from "node:process";

/** The machine's clock; implements core's `Clock`. */
export const systemClock: { now(): number } = { now: () => Date.now() };

/** The kernel's monotonic clock; implements core's `SteadyClock`. */
export const steadyClock: { ms(): number } = { ms: () => Number(hrtime.bigint() / 1_000_000n) };
