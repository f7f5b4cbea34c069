/** Signs notifications in the Standard Webhooks form, with a secret of each endpoint's own that follows from the installation's key. */
export interface NotificationSigner {
  /** The endpoint's secret, `whsec_` and base64: for its receiver. Never logged. */
  secretOf(endpointId: string): string;
  /** `v1,` and base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`; `timestamp` in unix seconds. */
  sign(endpointId: string, id: string, timestamp: number, body: string): string;
}
