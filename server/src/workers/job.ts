import { z } from "zod";

/** What a thread is asked to do. */
export type Job =
  | { readonly kind: "regex"; readonly pattern: string; readonly flags: string; readonly all: boolean; readonly stdout: Uint8Array }
  | { readonly kind: "jsonata"; readonly expression: string; readonly stdout: Uint8Array }
  | { readonly kind: "jsonata-check"; readonly expression: string }
  | { readonly kind: "file"; readonly text: string };

/** What comes of a job: JSON, or what is wrong with what was given. */
export const jobAnswer = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), json: z.string() }),
  z.object({ ok: z.literal(false), message: z.string() }),
]);
export type JobAnswer = z.output<typeof jobAnswer>;

/** The first message of a thread: it has loaded what it needs. */
export const READY = "ready";
