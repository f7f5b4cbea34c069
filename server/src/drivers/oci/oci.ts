import type { Driver } from "../../core/ports/driver.ts";
import type { TemplateStore } from "../../core/ports/templates.ts";
import { createDriver } from "./driver.ts";
import type { OciHost } from "./host.ts";
import { openHost } from "./host.ts";
import type { OciOptions } from "./options.ts";
import { createTemplateStore } from "./templates/template-store.ts";

export interface Oci {
  readonly driver: Driver;
  readonly templates: TemplateStore;
}

/**
 * The `oci` driver and its templates, which share the store on disk. Nothing on the host changes before the first use:
 * call `driver.probe()` first, it says in words what is missing.
 */
export function createOci(options: OciOptions): Oci {
  let host: Promise<OciHost> | null = null;
  const open = (): Promise<OciHost> => {
    host ??= openHost(options).catch((error: unknown) => {
      // The next use tries again: what was missing may be there by then.
      host = null;
      throw error;
    });
    return host;
  };
  return { driver: createDriver(options, open, async () => host), templates: createTemplateStore(options, open) };
}
