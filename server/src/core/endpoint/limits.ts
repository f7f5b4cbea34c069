/** Bounds of definitions and calls that are not the contract's. */
export const ENDPOINT_LIMITS = {
  /** UTF-8 bytes of a definition as JSON, without its secrets. */
  definitionBytesMax: 256 * 1024,
  /** UTF-8 bytes of all of a call's arguments together. */
  argumentsBytesMax: 512 * 1024,
  /** Instructions that a pattern compiles to, and those of one definition together. */
  patternInstructionsMax: 2000,
  patternsInstructionsMax: 10_000,
  /** What the matches of one call cost at most: each costs its pattern's instructions times its value's characters. */
  patternStepsMax: 2_000_000,
  /** Compiled patterns that are remembered. */
  patternsRememberedMax: 1000,
  /** Milliseconds that a looked-up endpoint is good without another look; so long may another server's change go unseen. */
  publishedFreshMsMax: 5000,
  /** Milliseconds that a name without an endpoint is refused without another look. */
  unknownFreshMsMax: 1000,
  /** Milliseconds since its last look that an endpoint is good while the database is gone. */
  publishedOutageMsMax: 3_600_000,
  /** Endpoints remembered, and names without one. */
  publishedMax: 2000,
  unknownMax: 1000,
  /** Times that a change is planned anew because another one came between. */
  attemptsMax: 5,
  /** Problems of a file in one answer, and warnings. */
  fileProblemsMax: 200,
} as const;
