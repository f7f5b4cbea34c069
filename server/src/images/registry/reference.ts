import { ImageError } from "../../core/ports/images.ts";
import { DIGEST } from "../digest.ts";

/** Where an image is: `registry/repository`, with a tag or a digest. */
export interface Reference {
  /** Host, with a port where it is not the usual one. */
  readonly registry: string;
  readonly repository: string;
  /** A tag or a digest. */
  readonly version: string;
}

const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?|\[[0-9a-fA-F:]{2,45}\])(?::[0-9]{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Reads `alpine`, `ghcr.io/owner/name:tag`, `host:5000/name@sha256:…` as Docker does. Throws `refused` for anything else. */
export function readReference(text: string): Reference {
  const [name = "", digest, ...more] = text.split("@");
  const { host, path, tag } = splitName(name);
  const isHub = host === "docker.io" || host === "index.docker.io";
  const repository = isHub && !path.includes("/") ? `library/${path}` : path;
  const version = digest ?? tag;
  const isWhole = more.length === 0 && TAG.test(tag) && (digest === undefined || DIGEST.test(digest));
  if (!isWhole || !HOST.test(host) || repository.length > 255 || !REPOSITORY.test(repository)) throw malformed(text);
  return { registry: isHub ? "registry-1.docker.io" : host, repository, version };
}

/** The first part is a host where it cannot be anything else. */
function splitName(name: string): { readonly host: string; readonly path: string; readonly tag: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hasHost = /[.:[]/.test(first) || first === "localhost";
  const rest = hasHost ? name.slice(slash + 1) : name;
  const colon = rest.lastIndexOf(":");
  return {
    host: hasHost ? first : "docker.io",
    path: colon < 0 ? rest : rest.slice(0, colon),
    tag: colon < 0 ? "latest" : rest.slice(colon + 1),
  };
}

function malformed(text: string): ImageError {
  return new ImageError("refused", `${JSON.stringify(text.slice(0, 100))} is no reference to an image: [registry/]name[:tag][@sha256:…].`);
}
