/**
 * What is said to who types what `docker` has: what does the same here. What means the same here is an option of the commands, and not
 * in these tables.
 */

/** Options of `docker run`, `create` and `exec`. */
export const OPTION_HINTS: Readonly<Record<string, string>> = {
  ...hintFor("capsules share no files with this machine: `capsuled cp FILE CAPSULE:PATH` copies them in", "-v", "--volume", "--mount"),
  ...hintFor("`capsuled forward CAPSULE LOCAL:PORT` reaches a port of a capsule", "-p", "--publish"),
  "--cpus": "say --vcpus N",
  ...hintFor("say --egress none, allow, or names and addresses with commas", "--network", "--net"),
  "--workdir": "say --cwd DIR, or -w DIR",
  "--entrypoint": "the command stands behind the options, program and arguments",
  "--image":
    "what a capsule is made from is a template: --template NAME; `capsuled templates build --name NAME --image IMAGE` makes one of an image",
};

/** What `docker run` has, and a capsule that is gone behind its command cannot have. */
export const RUN_HINTS: Readonly<Record<string, string>> = {
  ...OPTION_HINTS,
  ...hintFor(
    "the capsule of `run` ends with its command: `capsuled create --name box`, then `capsuled exec -d box COMMAND` leaves one running",
    "-d",
    "--detach",
  ),
};

/** Commands of `docker`, and of programs like it. */
export const COMMAND_HINTS: Readonly<Record<string, string>> = {
  attach: "`capsuled shell CAPSULE --attach TERMINAL` takes a terminal up again, `capsuled logs -f CAPSULE PROCESS` follows a process",
  build: "`capsuled templates build` builds a template, of a recipe or of an image",
  commit: "`capsuled snapshot CAPSULE --name NAME` keeps its disk as a template",
  container: "capsules have no word before their commands: `capsuled ls`",
  diff: "`capsuled watch -r CAPSULE:PATH` says what changes",
  image: "what capsules are made from are templates: `capsuled templates ls`",
  load: "`capsuled images upload FILE` takes an image archive",
  login: "`capsuled servers add NAME URL` remembers a server and its key",
  port: "`capsuled forward CAPSULE PORT` reaches a port",
  pull: "`capsuled templates build --name NAME --image IMAGE` makes a template of an image",
  rename: "a capsule has the name that it was created with: `capsuled create --name NAME`",
  restart: "`capsuled halt CAPSULE` and then `capsuled boot CAPSULE` start it anew",
  rmi: "`capsuled templates rm TEMPLATE` deletes a template",
  ssh: "`capsuled shell CAPSULE` opens a terminal",
  stats: "`capsuled info CAPSULE` says what it has, and `capsuled exec CAPSULE top -bn1` what it uses",
  top: "`capsuled ps CAPSULE` lists its processes",
  volume: "capsules share no files: `capsuled cp` copies them",
  wait: "`capsuled logs -f CAPSULE PROCESS` goes on until it ends",
  "teams rm": "the API has no way to delete a team; `capsuled keys revoke` takes its keys away",
  "templates inspect": "`capsuled templates ls --json` says all of them",
};

/** Programs that nobody has, and images that many know. */
const IMAGES: ReadonlySet<string> = new Set([
  "ubuntu",
  "debian",
  "alpine",
  "busybox",
  "fedora",
  "centos",
  "nginx",
  "redis",
  "postgres",
  "hello-world",
]);

/** Whether who runs this program means an image: `python:3.12`, `ghcr.io/owner/tools`, `ubuntu`. */
export function isImageName(program: string): boolean {
  return IMAGES.has(program) || /^[a-z0-9][\w./-]*:[\w.-]+$/.test(program) || /^[a-z0-9-]+(?:\.[a-z0-9-]+)+\/[\w./-]+$/.test(program);
}

/** One hint for several options. */
export function hintFor(hint: string, ...options: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(options.map((option) => [option, hint]));
}
