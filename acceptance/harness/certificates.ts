import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A private key and a certificate for it, as PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** An authority of the test's own, which nobody trusts who was not told to. */
export interface Authority extends Certificate {
  /** A certificate for these names: `DNS:registry.test`, `IP:127.0.0.1`. */
  issue(names: readonly string[]): Certificate;
}

export function newAuthority(): Authority {
  const own = made([], ["-addext", "basicConstraints=critical,CA:TRUE"]);
  return { ...own, issue: (names) => made(names, [], own) };
}

function made(names: readonly string[], more: readonly string[], by?: Certificate): Certificate {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-certificates-"));
  const at = (name: string): string => join(dir, name);
  try {
    const signed = by === undefined ? [] : ["-CA", at("by.pem"), "-CAkey", at("by.key")];
    if (by !== undefined) {
      writeFileSync(at("by.pem"), by.cert);
      writeFileSync(at("by.key"), by.key, { mode: 0o600 });
    }
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("key")];
    const about = ["-subj", `/CN=${by === undefined ? "test authority" : "test"}`, "-days", "2"];
    const alternative = names.length === 0 ? [] : ["-addext", `subjectAltName=${names.join(",")}`];
    execFileSync("openssl", ["req", "-x509", ...key, ...about, ...alternative, ...more, ...signed, "-out", at("cert")], { stdio: "pipe" });
    return { key: readFileSync(at("key"), "utf8"), cert: readFileSync(at("cert"), "utf8") };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
