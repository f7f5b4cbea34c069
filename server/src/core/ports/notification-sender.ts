/** What became of one POST. */
export type SendOutcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      /** What `Retry-After` asks for, in milliseconds from now. */
      readonly retryAfterMs: number | null;
    }
  /** No answer: a name that does not resolve, a connection that fails, a time that is over. */
  | { readonly kind: "unanswered"; readonly message: string }
  /** Not tried, and never to be: the address is one that must not be called. */
  | { readonly kind: "refused"; readonly message: string };

/** Posts to a URL that a user gave: bounded in time and in what it reads, redirects not followed, guarded from this network. */
export interface NotificationSender {
  /** Never rejects. Ends early, `unanswered`, once the signal is aborted. */
  post(url: string, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal): Promise<SendOutcome>;
}
