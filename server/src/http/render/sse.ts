export interface SseFields {
  /** Where a client that was cut off goes on; without one it is where it was. */
  readonly id?: string | number;
  /** Without one it is a `message`. */
  readonly type?: string;
  readonly data: unknown;
}

/** One Server-Sent Event, its data as JSON. */
export function renderSse({ id, type, data }: SseFields): string {
  return `${id === undefined ? "" : `id: ${id}\n`}${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(data)}\n\n`;
}
