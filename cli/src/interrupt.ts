import { EXIT } from "./exit.ts";

/**
 * Ctrl-C and SIGTERM while something runs elsewhere: the first asks it to end, the second leaves at once. Gives back how to stop
 * listening.
 */
export function onInterrupt(process: NodeJS.Process, first: () => void, leave: () => void): () => void {
  let count = 0;
  const interrupt = (): void => {
    count += 1;
    if (count === 1) first();
    else {
      leave();
      process.exit(EXIT.interrupted);
    }
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return () => {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  };
}
