import { defineConfig } from "vitest/config";

const databaseTests = "packages/*/test/**/*.db.test.ts";
const processTests = "packages/*/test/**/*.process.test.ts";

const second = 1_000;

/** Five kinds of tests, from those that need nothing to those that need the whole product. */
export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    setupFiles: ["test/support/environment.ts"],
    reporters: ["default", "./test/support/countReporter.ts"],
    projects: [
      // The rules of the code base itself: style and layers.
      { test: { name: "tidy", include: ["test/*.test.ts"], testTimeout: 60 * second } },
      // No process, no database, no waiting.
      {
        test: {
          name: "pure",
          include: ["packages/*/test/**/*.test.ts", "chaos/test/**/*.test.ts"],
          exclude: [databaseTests, processTests],
          // They share nothing that one could change: a process for each would take longer than most of them.
          isolate: false,
          testTimeout: 20 * second,
        },
      },
      // Real processes, their signals and their files.
      {
        test: {
          name: "process",
          include: [processTests],
          testTimeout: 120 * second,
          hookTimeout: 120 * second,
        },
      },
      // One PostgreSQL for the run, a database of its own for each `createTestDatabase()`.
      {
        test: {
          name: "database",
          include: [databaseTests],
          globalSetup: ["test/support/postgres.ts"],
          testTimeout: 60 * second,
          hookTimeout: 60 * second,
        },
      },
      // The product from the outside.
      {
        test: {
          name: "e2e",
          include: ["e2e/**/*.spec.ts"],
          globalSetup: ["test/support/postgres.ts"],
          testTimeout: 180 * second,
          hookTimeout: 120 * second,
        },
      },
    ],
  },
});
