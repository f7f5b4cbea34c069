import { ApiError } from "capsuled";
import type { Context } from "./context.ts";
import { ExitError, exitCodeOf } from "./exit.ts";

/** Does something to each thing that is named: one that is gone keeps none of the others from it, no server at all does. */
export async function eachOf(context: Context, names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
  let failure: unknown = null;
  for (const [at, name] of names.entries()) {
    try {
      await act(name);
    } catch (error) {
      const isLast = at === names.length - 1;
      if (isLast || !(error instanceof ApiError || error instanceof ExitError)) throw error;
      context.complain(error);
      failure = error;
    }
  }
  if (failure !== null) throw new ExitError(exitCodeOf(failure));
}
