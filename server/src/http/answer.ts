/** What a route answers with; the registrar writes it. */
export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
}

const JSON_TYPE = "application/json; charset=utf-8";

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> | null = null): Answer {
  return { status, contentType: JSON_TYPE, body: JSON.stringify(value), headers };
}

export function text(contentType: string, body: string, headers: Readonly<Record<string, string>> | null = null): Answer {
  return { status: 200, contentType, body, headers };
}

export const NO_CONTENT: Answer = { status: 204, contentType: null, body: null, headers: null };
