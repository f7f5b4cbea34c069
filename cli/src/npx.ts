/** Milliseconds between two looks at whether what started this program is still there. */
const LOOK_MS = 500;

/**
 * npx, when it is ended, ends the shell that it has started this program with, but not the program, which would go on unseen: then it
 * ends as by the signal that it did not get.
 */
export function endWithNpx(process: NodeJS.Process): void {
  if (process.env["npm_lifecycle_event"] !== "npx") return;
  const { ppid: parent } = process;
  const looking = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(looking);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS);
  looking.unref();
}
