/** Unix time in milliseconds; a port so that tests can move it. */
export interface Clock {
  now(): number;
}

/** Milliseconds since some moment before the host's start, whole ones; nobody can set it, and every process of the host reads the same. */
export interface SteadyClock {
  ms(): number;
}

/** Makes ids: a prefix, `-` and 25 digits of base36 from 128 random bits; of a run's the first 48 are its time. */
export interface Ids {
  next(prefix: "cl" | "pr" | "team" | "key" | "req" | "ep" | "run" | "tk" | "tp" | "bd"): string;
  /** `bytes` random bytes in lowercase hex. */
  hex(bytes: number): string;
}
