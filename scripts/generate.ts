import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { renderOpenapi } from "@capsuled/contract";
import { renderConfigDocs } from "../server/src/config/describe.ts";
import { renderErrorReference } from "./error-reference.ts";
import { renderLifecycleSpec } from "./lifecycle-spec.ts";
import { renderCliReference, renderSdkReference } from "./sdk-reference.ts";
import { renderSdkOperations, renderSdkTypes } from "./sdk-types.ts";
import { renderModels } from "./python-contract/models.ts";
import { renderErrors, renderOperations } from "./python-contract/tables.ts";

/** Writes what is made from other files of the repository. All of it is committed; `npm run check` fails when it is stale. */
const root = join(import.meta.dirname, "..");

const document = renderOpenapi(packageVersion());
const PYTHON = "sdk/python/src/capsuled/_contract";

const files: Readonly<Record<string, string>> = {
  "openapi.json": `${JSON.stringify(document, null, 2)}\n`,
  "docs/config.md": renderConfigDocs(),
  "docs/spec/capsule-lifecycle.md": renderLifecycleSpec(),
  "docs/reference/errors.md": renderErrorReference(),
  "docs/reference/typescript.md": renderSdkReference(),
  "docs/reference/cli.md": renderCliReference(),
  "sdk/typescript/src/contract/schemas.ts": renderSdkTypes(document),
  "sdk/typescript/src/contract/operations.ts": renderSdkOperations(),
  [`${PYTHON}/models.py`]: renderModels(renderOpenapi(packageVersion())),
  [`${PYTHON}/operations.py`]: renderOperations(),
  [`${PYTHON}/errors.py`]: renderErrors(),
};

for (const [path, content] of Object.entries(files)) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  console.log(path);
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "server/package.json"), "utf8"));
  if (typeof manifest !== "object" || manifest === null || !("version" in manifest) || typeof manifest.version !== "string") {
    throw new Error("server/package.json has no version");
  }
  return manifest.version;
}
