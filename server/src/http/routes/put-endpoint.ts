import { json } from "../answer.ts";
import { fieldOf } from "../../core/endpoint/put-endpoint.ts";
import { renderEndpoint } from "../render/endpoint.ts";
import { writtenRoute } from "../route.ts";

export const putEndpoint = writtenRoute("putEndpoint", async ({ caller, params, written }, deps) => {
  const { record, isNew, warnings } = await deps.endpoints.put(caller, params.name, written);
  const told = warnings.map(({ path, message }) => ({ field: fieldOf(path), message }));
  return json(isNew ? 201 : 200, { ...(await renderEndpoint(record, caller, deps)), warnings: told });
});
