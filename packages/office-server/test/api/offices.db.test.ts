import { expect, test } from "vitest";
import { setupFileApi } from "../../../../test/support/api.ts";

const api = setupFileApi();

test("an office is created with the settings of any other, and shown", async () => {
  const { client } = api();
  const office = await client.call("createOffice", { body: { name: "one" } });
  expect(office).toMatchObject({ name: "one", status: "active", roles: [], metadata: null });
  await expect(client.call("getOffice", { params: { officeId: office.id } })).resolves.toEqual(office);
});
