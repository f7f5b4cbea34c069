/** Bounds of what callers send. `docs/limits.md` lists each with the test that proves it. */
export const LIMITS = {
  /** Bytes of a JSON request body. */
  bodyBytesMax: 4 * 1024 * 1024,
  /** Bytes of one message from a client on a socket. */
  socketMessageBytesMax: 1024 * 1024,
  /** Characters of `cmd`, and of `cwd`. */
  pathCharsMax: 4096,
  /** Arguments of one command. */
  argsMax: 4096,
  /** UTF-8 bytes of one argument: the kernel's own bound less the final NUL. */
  argBytesMax: 128 * 1024 - 1,
  /** UTF-8 bytes of a command's arguments and environment together. */
  commandBytesMax: 768 * 1024,
  /** Variables in `envs`. */
  envsMax: 256,
  envNameCharsMax: 256,
  envValueBytesMax: 32 * 1024,
  /** Bytes of `stdin` in one exec. */
  stdinBytesMax: 2 * 1024 * 1024,
  /** Columns, and rows, of a terminal. */
  terminalSideMax: 1000,
  terminalColsDefault: 80,
  terminalRowsDefault: 24,
  /** Bytes of what a terminal showed that its new viewer is sent first. */
  scrollbackBytes: 256 * 1024,
  /** Characters of a user's name. */
  userNameCharsMax: 64,
  /** Seconds for which a link to a port is good: a week, and an hour. */
  portUrlSecMax: 7 * 24 * 3600,
  portUrlSecDefault: 3600,
  /** Ports of a capsule that are public. */
  publicPortsMax: 64,
  /** Seconds: a week. */
  timeoutSecMax: 7 * 24 * 3600,
  /** Seconds: a month. */
  ttlSecMax: 31 * 24 * 3600,
  nameCharsMax: 128,
  metadataKeysMax: 20,
  metadataKeyCharsMax: 64,
  metadataValueCharsMax: 256,
  memoryMbMin: 32,
  memoryMbDefault: 512,
  memoryMbMax: 1024 * 1024,
  vcpusMax: 1024,
  vcpusDefault: 1,
  /** Entries of a list of where a capsule may connect to, ports of an entry, and characters of its address or name. */
  egressRulesMax: 64,
  egressPortsMax: 16,
  egressTargetCharsMax: 255,
  /** Decisions of each kind that a report of a capsule's network shows. */
  networkLogMax: 256,
  diskMbMin: 16,
  diskMbDefault: 5120,
  diskMbMax: 1024 * 1024,
  listLimitMax: 1000,
  /** Characters of a reference to an image, and of a user name or a password for its registry. */
  imageReferenceCharsMax: 512,
  credentialCharsMax: 16 * 1024,
  /** Bytes of an image archive, compressed or not. */
  imageArchiveBytesMax: 16 * 1024 * 1024 * 1024,
  /** Image archives of one team, and seconds that one is kept after its last use. */
  imageArchivesMax: 4,
  imageArchiveSec: 3600,
  /** Capsules that one fork makes. */
  forkMax: 64,
  /** Packages, files and steps of a recipe. */
  buildPackagesMax: 256,
  buildFilesMax: 256,
  buildStepsMax: 64,
  /** Seconds of a build, and of one of its steps: a day at most, an hour and half an hour when nothing is said. */
  buildSecMax: 24 * 3600,
  buildSecDefault: 3600,
  buildStepSecDefault: 1800,
  /** Seconds within which a ready check must pass. */
  readySecMax: 300,
  readySecDefault: 30,
  /** Bytes of a process's output in one page of `/output`. */
  outputPageBytesMax: 1024 * 1024,
  /** Bytes that one raw answer of `/output` holds at most. */
  outputBytesMax: 1024 * 1024 * 1024,
  /** UTF-8 bytes of a file's path in a capsule: the kernel's own bound. */
  filePathBytesMax: 4095,
  /** Bytes of a file that `files/write` takes; `files/stream/write` takes what the disk has room for. */
  fileWriteBytesMax: 100 * 1024 * 1024,
  /** Entries of one answer of `files/list`. */
  fileListLimitMax: 10_000,
  /** Levels of directories in one `files/list`. */
  fileListDepthMax: 256,
  /** The greatest user and group of a capsule. */
  fileOwnerIdMax: 65_535,
  /** Bytes of a file of endpoint definitions. */
  importBytesMax: 1024 * 1024,
  /** Endpoints in one file. */
  importEndpointsMax: 1000,
  endpointArgsMax: 64,
  endpointArgCharsMax: 32 * 1024,
  endpointEnumMax: 200,
  endpointPatternCharsMax: 500,
  endpointExpressionCharsMax: 8192,
  endpointDescriptionCharsMax: 2000,
  endpointSecretCharsMax: 256,
  endpointSecretsMax: 4,
  endpointConcurrencyMax: 10_000,
  /** Seconds. */
  endpointTimeoutSecDefault: 60,
  /** Characters of one `output` event's line; a longer line is split. */
  endpointLineCharsMax: 64 * 1024,
  waitMsMax: 60_000,
  /** Milliseconds that create, start and resume wait for the capsule to be running. */
  waitMsDefault: 4000,
} as const;
