import { Capsule, Client } from "capsuled";
import type { ClientOptions, CreateOptions } from "capsuled";
import { readState } from "./state.ts";

/** The SDK's settings for the server under test. */
export function sdkOptions(options: ClientOptions = {}): ClientOptions {
  const { url, adminKey } = readState();
  return { url, apiKey: adminKey, ...options };
}

export function sdkClient(options: ClientOptions = {}): Client {
  return new Client(sdkOptions(options));
}

/** A capsule by the SDK, for one test: `await using capsule = await sdkCapsule()`. */
export function sdkCapsule(options: CreateOptions = {}): Promise<Capsule> {
  return Capsule.create({ ...sdkOptions(), ...options });
}

/** The same capsule, over another way to the server. */
export function through(url: string, capsule: Capsule): Promise<Capsule> {
  return Capsule.connect(capsule.id, sdkOptions({ url, retryForMs: 60_000 }));
}
