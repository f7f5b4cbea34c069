import { json } from "../answer.ts";
import { renderNewKey, renderTeam } from "../render/access.ts";
import { route } from "../route.ts";

export const createTeam = route("createTeam", async ({ caller, body }, { access }, { intent }) => {
  const { team, key } = await access.createTeam(caller, { name: body.name, slug: body.slug }, intent);
  return json(201, { team: renderTeam(team), key: renderNewKey(key) });
});
