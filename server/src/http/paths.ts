import type { Operation } from "@capsuled/contract";
import { isReserved } from "../core/access/slug.ts";

/** Prefixes under which the API is served: its own, and the one that clients of a proxied installation use. */
const PREFIXES = ["", "/api"] as const;

/** Every path of an operation, with `{param}`s. What is not under `/v1` has one path only. */
export function pathsOf(operation: Operation): readonly string[] {
  return operation.path.startsWith("/v1/") ? PREFIXES.map((prefix) => prefix + operation.path) : [operation.path];
}

export interface PathMatch<R> {
  readonly route: R;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the routes of a path whatever the method, for what the router does not answer: upgrades, wrong methods, preflights. */
export class PathTable<R extends { readonly operation: Operation }> {
  readonly #entries: readonly { readonly route: R; readonly pattern: RegExp; readonly names: readonly string[] }[];

  constructor(routes: readonly R[]) {
    this.#entries = routes.flatMap((route) =>
      pathsOf(route.operation).map((path) => {
        const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
        const pattern = new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "([^/]+)")}$`);
        return { route, pattern, names };
      }),
    );
  }

  matches(url: string | undefined): readonly PathMatch<R>[] {
    const path = (url ?? "").split("?", 1)[0] ?? "";
    const found: PathMatch<R>[] = [];
    for (const { route, pattern, names } of this.#entries) {
      const values = pattern.exec(path);
      const params = values === null ? null : decoded(names, values.slice(1));
      // A call's path looks like many of the API's own; no team is called as they are.
      if (params === null || (route.operation.method === "ANY" && isReserved(params["owner"] ?? ""))) continue;
      found.push({ route, params });
    }
    return found;
  }
}

function decoded(names: readonly string[], values: readonly string[]): Readonly<Record<string, string>> | null {
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(values[index] ?? "")]));
  } catch {
    return null;
  }
}
