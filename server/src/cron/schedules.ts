import { Cron, CronPattern } from "croner";
import type { Schedules } from "../core/ports/schedule.ts";

/** Numbers, names of months and weekdays, and the signs that every cron knows: no `L`, `W`, `#` or `?`, which mean different things to different ones. */
const PART = /^(?:\*|[0-9]{1,2}|[a-z]{3})(?:-(?:[0-9]{1,2}|[a-z]{3}))?(?:\/[0-9]{1,2})?$/i;
const FIELDS = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of the month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12 },
  { name: "day of the week", min: 0, max: 7 },
] as const;
const NICKNAMES: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};
/** Days that each month has at most, January first. */
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/**
 * Schedules by croner. Where clocks go forward, a fixed time that they skip runs at the moment at which they do; where they go back, it
 * runs once, the first time. What runs every so often (`*`, `/`) runs in every hour that passes, and not in one that does not exist.
 */
export const cronSchedules: Schedules = {
  parse(cron, timezone) {
    const text = cron.trim();
    if (text.startsWith("@") && !Object.hasOwn(NICKNAMES, text.toLowerCase()))
      return refused(`there is no ${JSON.stringify(text)}; there are ${Object.keys(NICKNAMES).join(", ")}`);
    const nickname = text.startsWith("@") ? NICKNAMES[text.toLowerCase()] : undefined;
    const fields = (nickname ?? text).split(/\s+/);
    const problem = fieldsProblem(fields) ?? (isTimezone(timezone) ? null : `there is no time zone ${JSON.stringify(timezone)}`);
    if (problem !== null) return refused(problem);
    try {
      const expression = fields.join(" ");
      const pattern = new CronPattern(expression, timezone, { mode: "5-part" });
      // A search for a day that no month has would go through thousands of years; every other time comes within eight.
      if (!hasDay(pattern)) return refused("no month has that day");
      const job = new Cron(expression, { timezone, paused: true, mode: "5-part" });
      return { ok: true, next: (after) => job.nextRun(new Date(after))?.getTime() ?? null };
    } catch (error) {
      return refused(error instanceof Error ? error.message.replace(/^CronPattern: /, "") : "it cannot be read");
    }
  },
};

function refused(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

function fieldsProblem(fields: readonly string[]): string | null {
  const names = FIELDS.map(({ name }) => name).join(", ");
  if (fields.length !== FIELDS.length) return `it has ${fields.length} fields instead of five (${names})`;
  for (const [index, { name, min, max }] of FIELDS.entries()) {
    const field = fields[index] ?? "";
    if (!field.split(",").every((part) => PART.test(part)))
      return `${JSON.stringify(field)} is no ${name}: write numbers with \`*\`, \`,\`, \`-\` and \`/\``;
    const numbers = (field.replace(/\/[0-9]+/g, "").match(/[0-9]+/g) ?? []).map(Number);
    const outside = numbers.find((number) => number < min || number > max);
    if (outside !== undefined) return `${outside} is no ${name}: it goes from ${min} to ${max}`;
  }
  return null;
}

function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** With a day of the week beside it, a day of the month is the one or the other, and some week has that. */
function hasDay({ day, month, starDOM, starDOW }: CronPattern): boolean {
  if (starDOM || !starDOW) return true;
  return DAYS.some((days, index) => month[index] === 1 && day.slice(0, days).includes(1));
}
