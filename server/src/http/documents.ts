import { renderOpenapi } from "@capsuled/contract";
import type { DocsPage } from "./docs/page.ts";
import { renderDocsPage } from "./docs/page.ts";

/** The API's descriptions, made when first asked for. */
export interface Documents {
  openapi(): string;
  docs(): DocsPage;
}

export function createDocuments(version: string): Documents {
  let openapi: string | null = null;
  let docs: DocsPage | null = null;
  return {
    openapi: () => (openapi ??= JSON.stringify(renderOpenapi(version))),
    docs: () => (docs ??= renderDocsPage(renderOpenapi(version))),
  };
}
