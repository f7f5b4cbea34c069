/**
 * Text of a process's output. It is a function of the journal alone: the text of a record is the incomplete UTF-8
 * sequence before it plus its bytes less the one that it ends with. So readers that start at different records, or
 * resume, get the same text, and no character is ever split.
 */

/** Malformed bytes become U+FFFD; a byte order mark is text like any other. Never used in streaming mode, so it keeps no state. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export interface RecordText {
  readonly text: string;
  /** The 0 to 3 bytes that the next record of the stream has to finish. */
  readonly pending: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** The text of one record of a stream, given the incomplete sequence (0 to 3 bytes) before it. */
export function recordText(tail: Uint8Array, bytes: Uint8Array): RecordText {
  const whole = tail.length === 0 ? bytes : joined(tail, bytes);
  const length = completeLength(whole);
  if (length === whole.length) return { text: decoder.decode(whole), pending: NOTHING };
  return { text: decoder.decode(whole.subarray(0, length)), pending: whole.slice(length) };
}

/** What stands for an incomplete sequence when nothing follows any more. */
export function flushedText(pending: Uint8Array): string {
  return pending.length === 0 ? "" : decoder.decode(pending);
}

/** Text of bytes that are known to be valid UTF-8, or whose malformed parts may become U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Bytes up to the last character's end: all of them, less a sequence that is begun and could still become valid. */
export function completeLength(bytes: Uint8Array): number {
  const length = bytes.length;
  for (let back = 1; back <= 3 && back <= length; back += 1) {
    const first = bytes[length - back] ?? 0;
    if (isContinuation(first)) continue;
    return back < sequenceLength(first) && secondByteFits(first, bytes[length - back + 1]) ? length - back : length;
  }
  return length;
}

function joined(tail: Uint8Array, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(tail.length + bytes.length);
  whole.set(tail);
  whole.set(bytes, tail.length);
  return whole;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}

/** Bytes of a sequence by its first one; 1 for what begins none. */
function sequenceLength(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xf0 && first <= 0xf4) return 4;
  return 1;
}

/** Some first bytes narrow the second (no overlong forms, no surrogates, nothing above U+10FFFF); a misfit is malformed at once. */
function secondByteFits(first: number, second: number | undefined): boolean {
  if (second === undefined) return true;
  switch (first) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second <= 0x9f;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second <= 0x8f;
    default:
      return true;
  }
}
