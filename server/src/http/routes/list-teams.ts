import { json } from "../answer.ts";
import { renderTeam } from "../render/access.ts";
import { route } from "../route.ts";

export const listTeams = route("listTeams", async ({ caller }, { access }) =>
  json(200, { teams: (await access.listTeams(caller)).map(renderTeam) }),
);
