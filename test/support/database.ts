import pg from "pg";
import { inject } from "vitest";

export interface TestDatabase {
  /** Connects as the owner of the database. */
  url: string;
  /** Removes the database, with whoever is still connected to it. May be called twice. */
  drop(): Promise<void>;
}

let created = 0;

/** A database of the test's own, with every migration applied. Only in tests of the projects database and e2e. */
export const createTestDatabase = (): Promise<TestDatabase> => createDatabase(inject("templateDatabase"));

/** A database of the test's own in which there is nothing yet. */
export const createEmptyDatabase = (): Promise<TestDatabase> => createDatabase("template0");

async function createDatabase(template: string): Promise<TestDatabase> {
  const serverUrl = inject("postgresUrl");
  const name = `test_${process.pid}_${++created}`;
  await onServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);
  return {
    url: new URL(`/${name}`, serverUrl).href,
    drop: () => onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
