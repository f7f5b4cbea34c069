import { execFile } from "node:child_process";
import { chown, glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";

const run = promisify(execFile);

/** A PostgreSQL server of a test's own: in a temporary directory, on a unix socket, without any TCP port. */
export interface PostgresCluster {
  /** A fresh, empty database. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops the server and removes its files. */
  remove(): Promise<void>;
}

/** The newest installed server's programs, or `undefined`. */
export async function findPostgres(): Promise<string | undefined> {
  const found: string[] = [];
  for await (const path of glob("/usr/lib/postgresql/*/bin/initdb")) found.push(path);
  found.sort((left, right) => left.localeCompare(right, "en", { numeric: true }));
  return found.at(-1)?.slice(0, -"/initdb".length);
}

/** PostgreSQL refuses to run as root, so root lends it the user `postgres`, else `nobody`. */
async function serverUser(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  if (user === undefined) throw new Error("there is neither a user postgres nor nobody");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

export async function startPostgresCluster(bin: string): Promise<PostgresCluster> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-postgres-"));
  const user = await serverUser();
  if (user !== undefined) await chown(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const asUser = { ...user, cwd: directory, env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" } };
  // `pg_ctl start` leaves the server holding its output, so that goes to a file and the wait is pg_ctl's own.
  const start = (): Promise<unknown> =>
    run(
      join(bin, "pg_ctl"),
      [
        "start",
        "-w",
        "-t",
        "30",
        "-D",
        data,
        "-l",
        join(directory, "log"),
        "-o",
        `-c listen_addresses='' -c unix_socket_directories=${directory} -c fsync=off`,
      ],
      asUser,
    );
  const stop = (): Promise<unknown> => run(join(bin, "pg_ctl"), ["stop", "-w", "-m", "immediate", "-D", data], asUser);
  const url = (database: string): string => `postgres://capsuled@localhost/${database}?host=${encodeURIComponent(directory)}`;
  let databases = 0;

  try {
    await run(join(bin, "initdb"), ["-D", data, "-U", "capsuled", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], asUser);
    await start();
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return {
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      const client = new Client({ connectionString: url("postgres") });
      await client.connect();
      try {
        await client.query(`create database ${name}`);
      } finally {
        await client.end();
      }
      return url(name);
    },
    start: async () => void (await start()),
    stop: async () => void (await stop()),
    async remove() {
      await stop().catch(() => {});
      await rm(directory, { recursive: true, force: true });
    },
  };
}
