/** Milliseconds of a day. */
export const DAY_MS = 24 * 3600 * 1000;

/** A day in UTC: days since 1970-01-01. */
export type Day = number;

/** The day that a time (unix milliseconds) falls into. */
export const dayOf = (at: number): Day => Math.floor(at / DAY_MS);

/** `YYYY-MM-DD` as a day; the text is a date that exists. */
export const parseDay = (text: string): Day => dayOf(Date.parse(text));

export const formatDay = (day: Day): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** The `ms` whole milliseconds before `end`, cut at midnights, newest first; together they are exactly `ms`. */
export function cutIntoDays(end: number, ms: number): readonly { readonly day: Day; readonly ms: number }[] {
  const parts: { day: Day; ms: number }[] = [];
  let until = end;
  for (let left = ms; left > 0;) {
    const day = dayOf(until - 1);
    const part = Math.min(left, until - day * DAY_MS);
    parts.push({ day, ms: part });
    left -= part;
    until -= part;
  }
  return parts;
}
