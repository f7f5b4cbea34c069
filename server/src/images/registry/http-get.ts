/** A body that is read to its end or destroyed. */
export interface AnswerBody extends AsyncIterable<Uint8Array> {
  destroy(): unknown;
}

/** What came of a GET. */
export type HttpOutcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: AnswerBody;
    }
  /** Its host is none that may be called. */
  | { readonly kind: "refused" }
  | { readonly kind: "unanswered"; readonly message: string };

/** One GET; redirects are answers. `headMs` bounds the time to the answer's head; the signal ends the body too. */
export type HttpGet = (url: URL, headers: Readonly<Record<string, string>>, headMs: number, signal: AbortSignal) => Promise<HttpOutcome>;
