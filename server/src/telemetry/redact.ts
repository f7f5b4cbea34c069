/** The one place that keeps secrets out of the log: by the name of a field, and by the form of a text. */

export const REDACTED = "[redacted]";

/** Fields whose values are never logged, whatever they hold; compared without case, `_` and `-`. */
const SECRET_FIELDS = new Set(
  (
    "env envs environment key keytext apikey xapikey authorization cookie setcookie password passwd secret agentsecret sealedsecret sealedenvs " +
    "token ticket stdin databaseurl connectionstring body rawheaders headers args argv parameters"
  ).split(" "),
);

/** Keys, passwords in URLs, bearer tokens, what opens a port, sealed texts: wherever they stand in a text. Bounded, so that no text makes a match slow. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/wrn_[0-9a-f]{8,64}/gi, "wrn_[redacted]"],
  [/([a-z][a-z0-9+.-]{0,31}:\/\/[^\s:/@]{0,256}):[^\s@]{1,512}@/gi, "$1:[redacted]@"],
  [/\b(bearer|basic)\s{1,4}[\w.~+/=-]{8,512}/gi, "$1 [redacted]"],
  [/([?&](?:ticket|token|key)=)[^&\s]{1,512}/gi, "$1[redacted]"],
  [/\b(capsuled_(?:token|port)=)[^&;\s]{1,512}/gi, "$1[redacted]"],
  [/\bv1\.[\w-]{38,512}/g, "[sealed]"],
];

/** Characters of one text, items of one list or object, and depth that a log line holds at most. */
export const LOG_LIMITS = { textCharsMax: 8192, itemsMax: 64, depthMax: 6 } as const;

/** Characters looked at beyond the bound, so that a secret that begins within it is seen whole. */
const OVERHANG = 1024;

export function redactText(text: string): string {
  const looked = text.length > LOG_LIMITS.textCharsMax + OVERHANG ? text.slice(0, LOG_LIMITS.textCharsMax + OVERHANG) : text;
  const clean = SECRET_TEXTS.reduce((result, [pattern, replacement]) => result.replaceAll(pattern, replacement), looked);
  return clean.length > LOG_LIMITS.textCharsMax ? `${clean.slice(0, LOG_LIMITS.textCharsMax)}… (${text.length} characters)` : clean;
}

function isSecretField(name: string): boolean {
  return SECRET_FIELDS.has(name.replaceAll(/[_-]/g, "").toLowerCase());
}

/** A copy that may be logged: bounded, without secrets, errors with their causes. Never throws. */
export function redact(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case "string":
      return redactText(value);
    case "number":
    case "boolean":
    case "undefined":
      return value;
    case "bigint":
      return value.toString();
    case "symbol":
    case "function":
      return `[${typeof value}]`;
    case "object":
      return value === null ? null : redactObject(value, depth);
    default:
      return "[unknown]";
  }
}

function redactObject(value: object, depth: number): unknown {
  if (depth >= LOG_LIMITS.depthMax) return "[deep]";
  try {
    if (value instanceof Error) return redactError(value, depth);
    if (value instanceof Date) return value.toJSON();
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value)) return value.slice(0, LOG_LIMITS.itemsMax).map((item) => redact(item, depth + 1));
    if (value instanceof Map || value instanceof Set) return redact([...value].slice(0, LOG_LIMITS.itemsMax), depth);
    const entries = Object.entries(value).slice(0, LOG_LIMITS.itemsMax);
    return Object.fromEntries(entries.map(([name, item]) => [redactText(name), isSecretField(name) ? REDACTED : redact(item, depth + 1)]));
  } catch {
    return "[unreadable]";
  }
}

function redactError(error: Error, depth: number): unknown {
  const { name, message, stack, cause, ...own } = Object.assign({ cause: error.cause }, error, {
    name: error.name,
    message: error.message,
    stack: error.stack,
  });
  const rest = redact(own, depth + 1);
  return {
    type: redact(name),
    message: redact(message),
    ...(cause !== undefined && { cause: redact(cause, depth + 1) }),
    ...(typeof rest === "object" && rest),
    stack: redact(stack),
  };
}
