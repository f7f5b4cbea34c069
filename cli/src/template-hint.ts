import { CapsuledError, NotFoundError } from "capsuled";
import type { Context } from "./context.ts";
import { exitCodeOf, ExitError } from "./exit.ts";
import { suggestion } from "./suggest.ts";

/** Work that names a template: where there is none of that name, says which was probably meant. */
export async function namingTemplate<T>(context: Context, template: string | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (template === undefined || !(error instanceof NotFoundError) || error.details["field"] !== "template") throw error;
    const meant = suggestion(template, await namesOf(context));
    throw new ExitError(
      exitCodeOf(error),
      `${error.message.replace(/\.$/, "")}${meant}${meant === "" ? ": " : " "}\`capsuled templates ls\` lists them.`,
      { cause: error },
    );
  }
}

async function namesOf(context: Context): Promise<readonly string[]> {
  try {
    return (await context.client.templates.list()).map(({ name }) => name);
  } catch (error) {
    if (error instanceof CapsuledError) return [];
    throw error;
  }
}
