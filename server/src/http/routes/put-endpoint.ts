import { ENDPOINT_NAME } from "@capsuled/contract";
import { invalid } from "../../core/fail.ts";
import { json } from "../answer.ts";
import { renderEndpoint } from "../render/endpoint.ts";
import { route } from "../route.ts";

export const putEndpoint = route("putEndpoint", async ({ caller, params, body }, deps) => {
  if (!ENDPOINT_NAME.test(params.name)) throw invalid("name", "must be 1 to 63 of a-z, 0-9 and -, not with - first");
  const { record, isNew } = await deps.endpoints.put(caller, params.name, body);
  return json(isNew ? 201 : 200, await renderEndpoint(record, caller, deps));
});
