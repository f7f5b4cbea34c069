const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const AMPERSAND = "&";
/** What each part of a multipart form has, whatever its boundary is. */
const PART = "\r\ncontent-disposition:";

/** Whether a body has more than so many fields, told without reading any of them: a stranger's body may have millions. */
export function hasMore(body: Buffer, form: "json" | "form" | "multipart", max: number): boolean {
  switch (form) {
    case "json":
      return hasMoreCommas(body, max);
    case "form":
      return hasMoreOf(body, AMPERSAND, max);
    case "multipart":
      return hasMoreOf(Buffer.from(body.toString("latin1").toLowerCase(), "latin1"), PART, max);
  }
}

function hasMoreOf(body: Buffer, separator: string, max: number): boolean {
  let count = 0;
  for (let at = body.indexOf(separator); at !== -1 && count <= max; at = body.indexOf(separator, at + separator.length)) count += 1;
  return count > max;
}

/** Commas outside of strings; a text that is no JSON has what it has. */
function hasMoreCommas(body: Buffer, max: number): boolean {
  let count = 0;
  let isText = false;
  for (let at = 0; at < body.length && count <= max; at += 1) {
    const byte = body[at];
    if (isText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === COMMA) count += 1;
  }
  return count > max;
}
