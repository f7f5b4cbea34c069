import { ProtocolError } from "./frame.ts";

/**
 * The fields of one JSON object, each read by its type. For the frames of every command and of every read of a file, where a schema
 * library's interpreter costs more than all else that is done with them. Each method throws `ProtocolError` that names the frame and the field.
 */
export class Fields {
  readonly #frame: string;
  readonly #of: object;

  constructor(frame: string, value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ProtocolError(`${frame}: not an object`);
    this.#frame = frame;
    this.#of = value;
  }

  /** What is there; `undefined` where nothing is. */
  get(name: string): unknown {
    return Object.hasOwn(this.#of, name) ? Reflect.get(this.#of, name) : undefined;
  }

  text(name: string): string {
    const value = this.get(name);
    return typeof value === "string" ? value : this.#wrong(name, "a string");
  }

  textOrNull(name: string): string | null {
    const value = this.get(name);
    return value === null ? null : this.text(name);
  }

  /** An integer from 0 on that a number holds exactly. */
  count(name: string, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.get(name);
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
    return fits ? value : this.#wrong(name, `an integer from 0 to ${max}`);
  }

  /** Any number, such as a time before 1970. */
  number(name: string): number {
    const value = this.get(name);
    return typeof value === "number" ? value : this.#wrong(name, "a number");
  }

  matching(name: string, pattern: RegExp): string {
    const value = this.text(name);
    return pattern.test(value) ? value : this.#wrong(name, `a string like ${pattern.source}`);
  }

  flag(name: string): boolean {
    const value = this.get(name);
    return typeof value === "boolean" ? value : this.#wrong(name, "true or false");
  }

  /** One of these words. */
  word<W extends string>(name: string, words: readonly W[]): W {
    const value = this.get(name);
    return words.find((word) => word === value) ?? this.#wrong(name, `one of ${words.join(", ")}`);
  }

  /** An object inside. */
  inner(name: string): Fields {
    return new Fields(`${this.#frame}: ${name}`, this.get(name));
  }

  /** At most `bytesMax` bytes, written in hex. */
  hex(name: string, bytesMax: number): Uint8Array {
    const text = this.text(name);
    if (text.length > 2 * bytesMax || !/^(?:[0-9a-f]{2})*$/.test(text)) this.#wrong(name, `at most ${bytesMax} bytes in hex`);
    return Uint8Array.from(Buffer.from(text, "hex"));
  }

  #wrong(name: string, wanted: string): never {
    throw new ProtocolError(`${this.#frame}: ${name} is not ${wanted}`);
  }
}
