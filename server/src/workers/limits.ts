const MIB = 1024 * 1024;

/** Bounds of work that is done in threads. */
export const WORKER_LIMITS = {
  /** Bytes of standard output that a transformer takes, and of the JSON that it makes. */
  transformInputBytesMax: 16 * MIB,
  transformResultBytesMax: 16 * MIB,
  /** Milliseconds of one transformer. */
  transformMsMax: 1000,
  /** Milliseconds of reading one file of definitions. */
  fileMsMax: 15_000,
  /** Arrays and objects within one another in a transformer's JSON. */
  jsonDepthMax: 500,
  /** Calls within one another in a JSONata expression, and values in one of its sequences. */
  jsonataDepthMax: 200,
  jsonataSequenceMax: 1_000_000,
  /** Collections within one another in a file, and values in it after aliases. */
  fileDepthMax: 32,
  fileValuesMax: 100_000,
  /** Bytes of standard output up to which `json` and `lines` are done without a thread. */
  atOnceBytesMax: 64 * 1024,
  /** Threads at once: as many as there are cores, within these. One team has all of them but one. */
  threadsMin: 2,
  threadsMax: 4,
  /** MiB of a thread's heap. */
  heapMbMax: 256,
  /** Jobs that wait for a thread, of all teams and of one, and milliseconds that one does. */
  waitingMax: 1000,
  teamWaitingMax: 200,
  waitMsMax: 10_000,
  /** Bytes that waiting jobs hold, of all teams and of one. */
  waitingBytesMax: 128 * MIB,
  teamWaitingBytesMax: 48 * MIB,
  /** Milliseconds that a thread has to start. */
  startMsMax: 10_000,
  /** Milliseconds after which a thread without work is ended, for its memory. */
  idleMsMax: 30_000,
} as const;
