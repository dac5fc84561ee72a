import { randomUUID } from "node:crypto";
import { rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { acquireEmbeddedPostgres } from "../../packages/office-server/src/db/embedded/embeddedPostgres.ts";
import { migrate } from "../../packages/office-server/src/db/migrate.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Connects to the server of the run, as its superuser. */
    postgresUrl: string;
    /** A database with every migration applied, to clone from. Nobody may be connected to it. */
    templateDatabase: string;
  }
}

const TEMPLATE = "office_template";

// The run's data is thrown away, so nothing waits for the disk.
const SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_wal_size: "128MB",
  max_connections: "200",
};

const MEMORY = "/dev/shm";
/** Many times what a run takes. */
const ROOM_BYTES_MIN = 4 * 1024 ** 3;

/** Starts one PostgreSQL for the run and prepares the template database. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = join(placeOfData(), `office-test-${randomUUID()}`);
  const server = await acquireEmbeddedPostgres(home, { settings: SETTINGS });
  const tearDown = async (): Promise<void> => {
    await server.release();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await createTemplate(server.url);
  } catch (error) {
    await tearDown();
    throw error;
  }
  project.provide("postgresUrl", server.url);
  project.provide("templateDatabase", TEMPLATE);
  return tearDown;
}

/** In memory where there is the room: on a disk, the copy of a database that each test begins with takes ten times as long. */
function placeOfData(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ROOM_BYTES_MIN ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

async function createTemplate(serverUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${TEMPLATE}`);
  } finally {
    await client.end();
  }
  await migrate(new URL(`/${TEMPLATE}`, serverUrl).href, { schema: "public" });
}
