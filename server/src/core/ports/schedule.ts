/** The times of one schedule. */
export interface Schedule {
  /** The first time strictly after `after` (unix milliseconds, as is the answer), at a whole second; null when there is none. */
  next(after: number): number | null;
}

/** Reads schedules; a port because core knows no calendars. */
export interface Schedules {
  /** Five fields of cron, or a nickname such as `@daily`, in an IANA time zone. `message` says to a person what is wrong. */
  parse(cron: string, timezone: string): ({ readonly ok: true } & Schedule) | { readonly ok: false; readonly message: string };
}
