/** Bounds of a socket; tests make them small. */
export interface SocketLimits {
  /** Sockets open at once on this server. */
  readonly socketsMax: number;
  /** Milliseconds between pings; after two without an answer or progress the peer counts as dead. */
  readonly pingMs: number;
  /** Milliseconds until the first message of an exec stream must have come. */
  readonly firstMessageMs: number;
  /** Milliseconds that a client may take nothing while output waits for it. */
  readonly stallMs: number;
  /** Milliseconds that a peer has to answer a close. */
  readonly closeMs: number;
  /** The same for a peer that was behind: what it has not read yet is still on its way. */
  readonly laggardCloseMs: number;
  /** Characters of waiting output from which the process is paced, and below which it goes on. */
  readonly outboundCharsHigh: number;
  readonly outboundCharsLow: number;
  /** Characters of output that a client which acknowledges is sent beyond its last `ack`. */
  readonly ackWindowChars: number;
  /** Characters of joined records in one message. */
  readonly messageCharsMax: number;
  /** Bytes of stdin that the process has not taken yet. */
  readonly stdinBytesMax: number;
  /** Bytes that a viewer of a terminal has typed and that are with the agent, not yet taken by the terminal. */
  readonly inputWindowBytes: number;
  /** Bytes of input that wait for room in that window, beyond which the socket is not read. */
  readonly inputQueueBytes: number;
  /** Client messages kept while the process is being started. */
  readonly earlyMessagesMax: number;
  /** Milliseconds that output of a terminal waits for a client of a kind that may want it either way to type. */
  readonly framesWaitMs: number;
  /** Messages that are no messages, after which the socket is closed. */
  readonly junkMax: number;
  /** Milliseconds between SIGTERM and SIGKILL of a `stop`. */
  readonly stopGraceMs: number;
}

export const SOCKET_LIMITS: SocketLimits = {
  socketsMax: 10_000,
  pingMs: 30_000,
  firstMessageMs: 10_000,
  stallMs: 30_000,
  closeMs: 2_000,
  laggardCloseMs: 30_000,
  outboundCharsHigh: 1024 * 1024,
  outboundCharsLow: 256 * 1024,
  ackWindowChars: 2 * 1024 * 1024,
  messageCharsMax: 64 * 1024,
  stdinBytesMax: 1024 * 1024,
  inputWindowBytes: 64 * 1024,
  inputQueueBytes: 256 * 1024,
  earlyMessagesMax: 64,
  framesWaitMs: 300,
  junkMax: 16,
  stopGraceMs: 5_000,
};
