/** Unix time in milliseconds; a port so that tests can move it. */
export interface Clock {
  now(): number;
}

/** Makes ids: a prefix, `-` and 25 digits of base36 from 128 random bits. */
export interface Ids {
  next(prefix: "cl" | "pr" | "team" | "key" | "req" | "ep" | "run" | "tk" | "tp" | "bd"): string;
  /** `bytes` random bytes in lowercase hex. */
  hex(bytes: number): string;
}
