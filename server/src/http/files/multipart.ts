import type { Readable } from "node:stream";
import { Busboy } from "@fastify/busboy";
import type { BusboyFileStream, BusboyInstance } from "@fastify/busboy";
import { invalid } from "../../core/fail.ts";
import { markPassing } from "../../lib/passing-bytes.ts";
import { ClientGoneError } from "../read-body.ts";
import type { UploadBody } from "../route.ts";

/** Bounds of a form that brings a file. */
export const FORM_LIMITS = {
  /** Bytes of a part that is no file. */
  fieldSize: 8 * 1024,
  /** Parts that are no files. */
  fields: 16,
  /** Files: one is meant, and a second one is told. */
  files: 2,
  parts: 20,
  headerPairs: 32,
  headerSize: 16 * 1024,
} as const;

/** The part that is the file. */
export const FILE_PART = "file";

export type FormPart =
  | { readonly kind: "field"; readonly name: string; readonly value: string }
  | { readonly kind: "file"; readonly bytes: AsyncIterable<Buffer> };

/** The parts of a form, one after the other; a file must be read to its end before the next part is asked for. */
export class FormReader {
  readonly #body: UploadBody;
  readonly #parser: BusboyInstance;
  readonly #parts: FormPart[] = [];
  readonly #files: Readable[] = [];
  #wake: (() => void) | null = null;
  #isOver = false;
  #failure: Error | null = null;

  /** Throws `invalid_request` where the type has no boundary. */
  constructor(body: UploadBody, contentType: string) {
    this.#body = body;
    try {
      this.#parser = new Busboy({
        headers: { "content-type": contentType },
        limits: FORM_LIMITS,
        // Whatever type its sender gives it.
        isPartAFile: (name) => name === FILE_PART,
      });
    } catch {
      throw invalid("content-type", "must be multipart/form-data with a boundary");
    }
    this.#parser.on("field", (name: string, value: string, _nameTruncated: boolean, isTruncated: boolean) => {
      if (isTruncated) this.#fail(invalid(name.slice(0, 40) || "body", `at most ${FORM_LIMITS.fieldSize} bytes`));
      this.#put({ kind: "field", name, value });
    });
    this.#parser.on("file", (_name: string, stream: BusboyFileStream) => {
      // Whoever reads the file hears of it too.
      stream.on("error", () => {});
      this.#files.push(stream);
      this.#put({ kind: "file", bytes: this.#bytesOf(stream) });
    });
    for (const event of ["partsLimit", "filesLimit", "fieldsLimit"] as const)
      this.#parser.on(event, () => this.#fail(invalid("body", "has too many parts")));
    this.#parser.on("error", () => this.#fail(invalid("body", "ends before the last boundary of its form, or is none")));
    this.#parser.on("finish", () => {
      this.#isOver = true;
      this.#tell();
    });
    body.stream.on("error", () => this.#fail(new ClientGoneError()));
    body.stream.on("close", () => {
      if (!body.isWhole()) this.#fail(new ClientGoneError());
    });
    // The parser looks through a piece at once and gives views of it, in order; what it keeps of one it copies.
    body.stream.on("data", markPassing);
    body.stream.pipe(this.#parser);
  }

  /** `null` after the last one, of a form that is whole. Throws `invalid_request` and `ClientGoneError`. */
  async next(): Promise<FormPart | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const part = this.#parts.shift();
      if (part !== undefined) return part;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Stops reading: what is still to come of the body is somebody else's. */
  close(): void {
    this.#fail(new Error("the form is not read any more"));
    this.#body.stream.off("data", markPassing);
    this.#body.stream.unpipe(this.#parser);
  }

  /** Its end is the file's: where the form has failed, that is told instead, whatever the stream says. */
  async *#bytesOf(stream: Readable): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of stream) yield chunk;
    } catch (error) {
      throw this.#failure ?? error;
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #put(part: FormPart): void {
    this.#parts.push(part);
    this.#tell();
  }

  #fail(error: Error): void {
    if (this.#failure !== null || this.#isOver) return;
    this.#failure = error;
    for (const file of this.#files) file.destroy(error);
    this.#tell();
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
