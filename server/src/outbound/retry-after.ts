const SECONDS = /^[0-9]{1,9}$/;

/** Milliseconds that a `Retry-After` asks to wait: seconds or a date; null for what is neither. */
export function retryAfterMs(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (SECONDS.test(text)) return Number(text) * 1000;
  const at = text.endsWith("GMT") ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
