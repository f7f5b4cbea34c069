import { json } from "../answer.ts";
import { ownUrlOf } from "../ports/own-url.ts";
import { route } from "../route.ts";

export const listPorts = route("listPorts", async ({ caller, params }, { ports, config }, exchange) => {
  const known = await ports.list(caller, params.id);
  return json(200, {
    ports: known.map(({ port, address, pid, isPublic }) => ({
      port,
      address,
      pid,
      public: isPublic,
      url: ownUrlOf(config, exchange, params.id, port),
    })),
  });
});
