import { z } from "zod";
import type { Sealer } from "../ports/sealer.ts";
import type { EndpointRecord } from "./record.ts";
import { endpointContext } from "./record.ts";
import type { EndpointSecrets } from "./secret.ts";
import { resolveSecrets } from "./secret.ts";

const sealedSecrets = z.object({ secrets: z.array(z.string()), envs: z.record(z.string(), z.string()) });
export const NOTHING_SEALED: EndpointSecrets = { secrets: [], envs: {} };

/** What an endpoint keeps sealed, as it was given. Throws when it was altered. */
export function openSecrets(sealer: Sealer, record: EndpointRecord): EndpointSecrets {
  if (record.sealed === null) return NOTHING_SEALED;
  return sealedSecrets.parse(JSON.parse(sealer.open(record.sealed, endpointContext(record.id))));
}

/** Opens an endpoint's secrets for its calls, once for each record seen. */
export function createSecretsOf(sealer: Sealer): (record: EndpointRecord) => EndpointSecrets {
  const opened = new WeakMap<EndpointRecord, EndpointSecrets>();
  return (record) => {
    const known = opened.get(record);
    if (known !== undefined) return known;
    const secrets = resolveSecrets(openSecrets(sealer, record));
    opened.set(record, secrets);
    return secrets;
  };
}
