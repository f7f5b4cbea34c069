import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the files are that the server brings along, and who brings them where they are missing. */
export interface InstalledFiles {
  readonly agentBinary: string;
  readonly launcherBinary: string;
  /** Folder of template recipes. */
  readonly recipesDir: string;
  /** What to do where the binaries are missing. */
  readonly binariesMend: string;
}

/** The package that has the binaries for a platform: one of the server's optional dependencies. */
export const binariesPackage = ({ os, cpu }: { readonly os: string; readonly cpu: string }): string => `@capsuled/agent-${os}-${cpu}`;

/** A clone runs the sources as they are; the published package has JavaScript, and its binaries in a package for each platform. */
export function installedFiles(platform: { readonly os: string; readonly cpu: string }): InstalledFiles {
  return import.meta.url.endsWith(".ts") ? inClone() : inPackage(binariesPackage(platform));
}

function inClone(): InstalledFiles {
  const inRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  return {
    agentBinary: inRoot("target/release/capsuled-agent"),
    launcherBinary: inRoot("target/release/capsuled-launcher"),
    recipesDir: inRoot("templates"),
    binariesMend: "Run scripts/setup, which builds it (npm start does).",
  };
}

function inPackage(binaries: string): InstalledFiles {
  const binary = (name: string): string => {
    try {
      return createRequire(import.meta.url).resolve(`${binaries}/bin/${name}`);
    } catch {
      return join(binaries, "bin", name);
    }
  };
  return {
    agentBinary: binary("capsuled-agent"),
    launcherBinary: binary("capsuled-launcher"),
    recipesDir: fileURLToPath(new URL("../templates", import.meta.url)),
    binariesMend: `Install ${binaries} of the server's version: npm does, where optional dependencies are not omitted.`,
  };
}
