/** Bounds of connections to ports; tests make them small. */
export interface PortLimits {
  /** Requests and WebSockets to ports of one capsule at once. The agent's own bound is 256. */
  readonly capsuleMax: number;
  /** The same of all capsules. */
  readonly allMax: number;
  /** Milliseconds in which what listens must answer a whole request, counted from the last byte either way. */
  readonly answerMs: number;
  /** Milliseconds that either side may stand still in the middle of a body. */
  readonly stallMs: number;
  /** How often those two are looked at. */
  readonly checkMs: number;
  /** Bytes of the head of an answer. */
  readonly headBytesMax: number;
  /** Milliseconds of silence after which a WebSocket's peer is asked by TCP whether it is there. */
  readonly keepAliveMs: number;
}

export const PORT_LIMITS: PortLimits = {
  capsuleMax: 128,
  allMax: 2048,
  answerMs: 600_000,
  stallMs: 120_000,
  checkMs: 5_000,
  headBytesMax: 64 * 1024,
  keepAliveMs: 30_000,
};
