import { acquireDatabase } from "office-server/db/acquireDatabase.ts";
import { migrate } from "office-server/db/migrate.ts";
import { readConfig } from "office-server/platform/config.ts";

/** `office migrate`: brings the database's schema up to date. Returns the exit code. */
export async function migrateDatabase({ stdout }: { stdout: NodeJS.WritableStream }): Promise<number> {
  const config = readConfig();
  const database = await acquireDatabase(config);
  try {
    const { applied } = await migrate(database.url, { schema: config.databaseSchema });
    for (const name of applied) stdout.write(`applied ${name}\n`);
    if (applied.length === 0) stdout.write("the database is up to date\n");
  } finally {
    await database.release();
  }
  return 0;
}
