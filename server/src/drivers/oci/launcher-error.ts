/** A step that failed, in the launcher's words. */
export class LauncherError extends Error {
  override readonly name = "LauncherError";
  /** What was being done. */
  readonly step: string;
  constructor(step: string, message: string) {
    super(`${step}: ${message}`);
    this.step = step;
  }
}
