import type { Placement } from "../../core/file/service.ts";

/** The body of a move or a copy. */
interface PlacementBody {
  readonly from?: string | undefined;
  readonly from_base64?: string | undefined;
  readonly to?: string | undefined;
  readonly to_base64?: string | undefined;
  readonly overwrite: boolean;
  readonly create_parents: boolean;
}

export function placementOf(body: PlacementBody): Placement {
  return {
    from: { path: body.from, path_base64: body.from_base64 },
    to: { path: body.to, path_base64: body.to_base64 },
    overwrite: body.overwrite,
    parents: body.create_parents,
  };
}
