import { requestPass } from "office-server/services/scheduler/passRequests.ts";
import { describe, expect, test } from "vitest";
import { setup, sql, type World } from "../../../../../test/support/scheduler.ts";

const register = (world: World, id: string, seen = "now()") =>
  sql(world, `INSERT INTO scheduler_workers (id, version, seen_at) VALUES ($1, 'test', ${seen})`, [id]);

describe("a pass that is asked for", () => {
  test("is run by the workers, and what they did is added up", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxConcurrentJobs: 2 });
    for (const workerId of ["one", "two"]) {
      await world.startWorker({ workerId });
      await register(world, workerId);
    }
    // Stored without a word to anybody.
    await office.submit({ a: {}, b: {}, c: {} });
    await expect(requestPass(world.database, office.id)).resolves.toEqual({ activated: 0, started: 2 });
    await expect(requestPass(world.database, office.id)).resolves.toEqual({ activated: 0, started: 0 });
  });

  test("makes ready what can run where no worker is alive", async () => {
    const world = await setup();
    const office = await world.createOffice();
    await register(world, "dead", "now() - interval '1 minute'");
    const foreign = "INSERT INTO job_queue (office_id, title) VALUES ($1, 'from elsewhere')";
    await sql(world, foreign, [office.id]);
    await expect(requestPass(world.database, office.id)).resolves.toMatchObject({ started: 0 });
    const [job] = await sql<{ status: string }>(world, "SELECT status FROM job_queue WHERE title = 'from elsewhere'");
    expect(job).toEqual({ status: "ready" });
  });
});
