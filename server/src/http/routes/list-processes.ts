import { json } from "../answer.ts";
import { renderProcess } from "../render/process.ts";
import { route } from "../route.ts";

export const listProcesses = route("listProcesses", async ({ caller, params }, { processes }) =>
  json(200, { processes: (await processes.list(caller, params.id)).map(renderProcess) }),
);
