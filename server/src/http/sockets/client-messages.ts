import type { ClientMessage, StartMessage, TerminalClientMessage, TerminalFirst } from "@capsuled/contract";
import { clientMessage, startMessage, terminalClientMessage, terminalFirst } from "@capsuled/contract";
import type { z } from "zod";
import { problemsOf } from "../parse.ts";

/** A client's message, or what is wrong with it in words. */
export type Parsed<M> = { readonly ok: true; readonly message: M } | { readonly ok: false; readonly problem: string };

export function parseStart(text: string): Parsed<StartMessage> {
  return parseAs(startMessage, text);
}

export function parseClientMessage(text: string): Parsed<ClientMessage> {
  return parseAs(clientMessage, text);
}

export function parseTerminalFirst(text: string): Parsed<TerminalFirst> {
  return parseAs(terminalFirst, text);
}

export function parseTerminalMessage(text: string): Parsed<TerminalClientMessage> {
  return parseAs(terminalClientMessage, text);
}

function parseAs<S extends z.ZodType>(schema: S, text: string): Parsed<z.output<S>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, problem: "the message is not valid JSON" };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, message: parsed.data };
  const problem = problemsOf(parsed.error.issues, schema)[0];
  return { ok: false, problem: problem === undefined ? "the message is not valid" : `${problem.field}: ${problem.message}` };
}

/** The bytes of a `stdin` message; `null` where its base64 is none. */
export function stdinBytes(data: string, encoding: "utf-8" | "base64" | undefined): Buffer | null {
  if (encoding !== "base64") return Buffer.from(data, "utf8");
  const bytes = Buffer.from(data, "base64");
  // The decoder skips what it does not know; only what it would write back itself was base64.
  return bytes.toString("base64").replace(/=+$/, "") === data.replace(/=+$/, "") ? bytes : null;
}
