import { OPERATION_LIST } from "@capsuled/contract";

/** Nouns that the API has or will have under `/v1/`, and names that would pass for the operator's own. */
const PLANNED = [
  ..."account accounts admin api assets audit auth badge badges billing capsule capsuled channel channels cli config dashboard".split(" "),
  ..."default domain domains endpoint endpoints env envs event events export favicon file files git health help hook hooks host hosts".split(
    " ",
  ),
  ..."image images import internal invite invites job jobs journal journals key keys kernel kernels lease leases limit limits log login".split(
    " ",
  ),
  ..."logout logs machine machines me member members mcp network networks new null oauth openapi operation operations org organization".split(
    " ",
  ),
  ..."organizations orgs output owner owners pool pools port ports process project projects public queue queues quota quotas robots".split(
    " ",
  ),
  ..."root run runs sandbox sandboxes schedule schedules search secret secrets security session sessions settings share shell sign-in".split(
    " ",
  ),
  ..."sign-up signin signup snapshot snapshots sse start-up static status support system tag tags team template templates terminal".split(
    " ",
  ),
  ..."terminals test ticket tickets token tokens undefined upload uploads usage user users version versions volume volumes webhook".split(
    " ",
  ),
  ..."webhooks websocket well-known workspace workspaces www".split(" "),
] as const;

/** Every fixed part of an operation's path, as it is and without what a slug cannot hold (`openapi.json` → `openapi-json`, too). */
function pathWords(): readonly string[] {
  const parts = OPERATION_LIST.flatMap((operation) => operation.path.split("/")).filter((part) => part !== "" && !part.startsWith("{"));
  return parts.flatMap((part) => [part, part.replaceAll(".", "-"), part.split(".")[0] ?? part]);
}

/** Words that no team's slug may be, since `/v1/{owner}/{name}` shares its path with the API's own. */
export const RESERVED_WORDS: ReadonlySet<string> = new Set([...pathWords(), ...PLANNED]);
