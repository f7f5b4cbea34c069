import { arch, platform } from "node:os";
import type { Config } from "./config/schema.ts";
import type { Driver } from "./core/ports/driver.ts";
import type { Log } from "./core/ports/log.ts";
import type { TemplateStore } from "./core/ports/templates.ts";
import { createFakeDriver } from "./drivers/fake/driver.ts";
import { createFakeTemplates } from "./drivers/fake/templates.ts";
import { createOci } from "./drivers/oci/oci.ts";
import { chooseRuntime } from "./drivers/oci/runtimes.ts";
import { installedFiles } from "./installed-files.ts";

/** The driver that the settings name, and its templates. */
export function createDriver(
  config: Config,
  installationId: string,
  buildEnv: Readonly<Record<string, string>>,
  log: Log,
): { readonly driver: Driver; readonly templates: TemplateStore } {
  switch (config.driver) {
    case "fake":
      return { driver: createFakeDriver({ script: { capsulesMax: config.capsulesMax } }), templates: createFakeTemplates() };
    case "oci":
      return createOci({
        dataDir: config.dataDir,
        installationId,
        runtime: chooseRuntime(config.runtime),
        runDir: "/run/capsuled",
        ...installedFiles({ os: platform(), cpu: arch() }),
        capsulesMax: config.capsulesMax,
        memoryFloorMb: config.memoryFloorMb,
        diskFloorMb: config.diskFloorMb,
        storeMb: config.storeMb,
        templateMirror: config.templateMirror ?? "",
        network:
          config.network === "off"
            ? null
            : { subnet: config.networkSubnet, mtu: config.networkMtu, dns: config.networkDns, ipv6: config.networkIpv6 },
        buildEnv,
        log,
      });
  }
}
