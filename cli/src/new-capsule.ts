import type { Capsule, schemas } from "capsuled";
import type { Given } from "./command.ts";
import type { Context } from "./context.ts";
import { createOptions } from "./create-options.ts";
import { interruptible } from "./interrupt.ts";
import { withProgress } from "./progress.ts";
import { namingTemplate } from "./template-hint.ts";

/**
 * Milliseconds in which a capsule must run. Some templates are built when they are first asked for, which takes minutes; the server bounds
 * that itself.
 */
const RUN_MS = 3_900_000;

/**
 * A capsule, and meanwhile what it waits for. Where an interrupt comes first, what has been made of it is gone before this throws.
 */
export async function newCapsule(context: Context, given: Given): Promise<Capsule> {
  const { client } = context;
  const options = createOptions(given, context.process.env);
  const waiting = new Waiting(context);
  const make = async (signal: AbortSignal): Promise<Capsule> => {
    try {
      const making = client.capsules.create({ ...options, waitMs: RUN_MS, onWaiting: waiting.see, signal });
      const capsule = await namingTemplate(context, given.text("template"), withProgress(context, waiting.text, making));
      if (signal.aborted) await capsule.destroy();
      return capsule;
    } catch (error) {
      await client.settled();
      throw error;
    }
  };
  return interruptible(context.process, make, () => client.settled());
}

/** What a capsule waits for: beside the spinner on a terminal, else a line for each tenth of it. */
class Waiting {
  readonly #context: Context;
  readonly #began = Date.now();
  #message: string | null = null;
  #told = "";

  constructor(context: Context) {
    this.#context = context;
  }

  readonly see = ({ message }: schemas.Capsule): void => {
    this.#message = message;
    const { json, process } = this.#context;
    if (message === null || json || process.stderr.isTTY === true) return;
    const tenth = message.replace(/: (\d*)\d %.*$/s, ": $1");
    if (tenth !== this.#told) this.#context.note(`capsuled: ${message}`);
    this.#told = tenth;
  };

  readonly text = (columns: number): string => {
    if (this.#message === null) return "starting a capsule";
    return waitingText(this.#message, Math.round((Date.now() - this.#began) / 1000), columns);
  };
}

/** What is waited for and how long it has been, as wide as there is room: how far it is stays, and what it is about is left out first. */
export function waitingText(message: string, seconds: number, columns: number): string {
  const [, name, percent, step] = /^Its template (\S+) is being built[^:]*(?:: (\d+ %), (.*))?\.$/s.exec(message) ?? [];
  if (name === undefined) return `${message} (${seconds} s)`;
  const far = percent === undefined ? "" : `  ${percent}`;
  const about = step === undefined ? "" : `  ${step}`;
  const forms = [`building the template ${name}${far}${about}  ${seconds} s`, `building ${name}${far}  ${seconds} s`];
  return forms.find((form) => form.length <= columns) ?? `building${far}  ${seconds} s`;
}
