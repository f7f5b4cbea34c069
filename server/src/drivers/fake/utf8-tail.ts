/** How many bytes a UTF-8 sequence that begins with `first` has; 0 where none can begin so. */
function sequenceLength(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xf0 && first <= 0xf4) return 4;
  return 0;
}

/** Whether `second` may follow `first`: overlong forms, surrogates and what is beyond Unicode may not. */
function mayFollow(first: number, second: number): boolean {
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high;
}

const isContinuation = (byte: number): boolean => byte >= 0x80 && byte <= 0xbf;

/** The incomplete UTF-8 sequence, 0 to 3 bytes, that `bytes` ends with; what can never be completed is not one. */
export function incompleteTail(bytes: Uint8Array): Uint8Array {
  const none = bytes.subarray(bytes.length);
  for (let length = 1; length <= Math.min(3, bytes.length); length += 1) {
    const tail = bytes.subarray(bytes.length - length);
    const [first = 0, second, third] = tail;
    if (isContinuation(first)) continue;
    if (length >= sequenceLength(first)) return none;
    if (second !== undefined && !mayFollow(first, second)) return none;
    if (third !== undefined && !isContinuation(third)) return none;
    return tail;
  }
  return none;
}
