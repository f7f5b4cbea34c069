/** The machine's clock; implements core's `Clock`. */
export const systemClock: { now(): number } = { now: () => Date.now() };
