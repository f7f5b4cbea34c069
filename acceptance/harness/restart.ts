import { endServer, startServer } from "./server-process.ts";
import { readState, writeState } from "./state.ts";

/** Milliseconds that a start may take whose template is there. */
const START_MS = 60_000;

/**
 * Ends the server under test by a signal, does `whileDown`, and starts it anew on the same data directory and port. `env` holds for
 * the new one only. Returns how long the start took, in milliseconds.
 */
export async function restart(
  signal: "SIGTERM" | "SIGKILL",
  whileDown: () => Promise<void> | void = () => {},
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const state = readState();
  await endServer(state.pid, signal);
  await whileDown();
  const began = performance.now();
  const port = Number(new URL(state.url).port);
  const server = await startServer({ dataDir: state.dataDir, port, logFile: state.logFile, env }, START_MS);
  writeState({ ...state, ...server });
  return performance.now() - began;
}
