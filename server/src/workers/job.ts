import { z } from "zod";

/** What a thread is asked to do. */
export type Job =
  | { readonly kind: "json"; readonly stdout: Uint8Array }
  | { readonly kind: "lines"; readonly stdout: Uint8Array }
  | { readonly kind: "regex"; readonly pattern: string; readonly flags: string; readonly all: boolean; readonly stdout: Uint8Array }
  | { readonly kind: "jsonata"; readonly expression: string; readonly stdout: Uint8Array }
  | { readonly kind: "jsonata-check"; readonly expression: string }
  | { readonly kind: "file"; readonly text: string };

/** What comes of a job: JSON in UTF-8, or what is wrong with what was given. `isTransient`: another try may go better. */
export const jobAnswer = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), json: z.instanceof(Uint8Array) }),
  z.object({ ok: z.literal(false), message: z.string(), isTransient: z.boolean() }),
]);
export type JobAnswer = z.output<typeof jobAnswer>;

/** A job, or how to come by it once it is its turn. */
export type JobSource = Job | (() => Promise<Job | JobAnswer>);

/** The first message of a thread: it has loaded what it needs. */
export const READY = "ready";

/** Bytes that a job holds while it waits. */
export function bytesOf(job: Job): number {
  switch (job.kind) {
    case "json":
    case "lines":
    case "regex":
    case "jsonata":
      return job.stdout.length;
    case "jsonata-check":
      return job.expression.length;
    case "file":
      return job.text.length;
  }
}

/** What is wrong with what was given, and would be again. */
export function faulty(message: string): JobAnswer {
  return { ok: false, message, isTransient: false };
}

/** It came to nothing here and now. */
export function refused(message: string): JobAnswer {
  return { ok: false, message, isTransient: true };
}
