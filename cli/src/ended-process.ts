import type { Capsule, schemas } from "capsuled";
import { ApiError, CapsuledError, ResultExpiredError, StreamError } from "capsuled";
import { endOf } from "./event-line.ts";
import { EXIT, ExitError } from "./exit.ts";
import { ago, plain } from "./table.ts";

/**
 * Work on one process: where there is none any more that it could be done to, says how the one that was meant has ended. The server
 * remembers that for days, and its output for minutes.
 */
export async function onProcess<T>(capsule: Capsule, selector: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isMissing(error)) throw error;
    const known = await factsOf(capsule, selector);
    if (known === null || known.running) throw error;
    throw new ExitError(EXIT.failure, endSaying(selector, known, error instanceof ResultExpiredError), { cause: error });
  }
}

function isMissing(error: unknown): error is CapsuledError {
  return (error instanceof ApiError || error instanceof StreamError) && (error.code === "not_found" || error.code === "result_expired");
}

/** `null` where nothing is known, or cannot be had: then what was wrong first is told. */
async function factsOf(capsule: Capsule, selector: string): Promise<schemas.ProcessFacts | null> {
  try {
    return await capsule.commands.info(selector);
  } catch (error) {
    if (error instanceof CapsuledError) return null;
    throw error;
  }
}

function endSaying(selector: string, facts: schemas.ProcessFacts, isOutputMissing: boolean): string {
  const command = plain([facts.cmd, ...facts.args].join(" "));
  const end = `The process ${JSON.stringify(selector)} has ended, ${ago(facts.ended_at)} ago: ${endOf(facts)} (${command})`;
  return isOutputMissing ? `${end}. What it printed is not kept any more.` : `${end}.`;
}
