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
  /** MiB of a thread's heap. */
  heapMbMax: 256,
  /** Jobs that wait for a thread, and milliseconds that one does. */
  waitingMax: 1000,
  waitMsMax: 10_000,
  /** Milliseconds that a thread has to start. */
  startMsMax: 10_000,
  /** Milliseconds after which a thread without work is ended, for its memory. */
  idleMsMax: 30_000,
} as const;
