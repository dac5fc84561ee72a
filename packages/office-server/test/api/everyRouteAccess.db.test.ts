import { beforeAll, describe, expect, test } from "vitest";
import { problemIn, setupFileApi } from "../../../../test/support/api.ts";
import {
  addressOf,
  ask,
  bodyOf,
  buildScene,
  changingNothing,
  ROUTE_NAMES,
  routeOf,
  type Scene,
  UNKNOWN_ID,
  unknownToken,
} from "./everyRoute.ts";

const api = setupFileApi();
let scene: Scene;
beforeAll(async () => {
  scene = await buildScene(api());
});

const named = (suffix: string) => ROUTE_NAMES.filter((name) => routeOf(name).access.endsWith(suffix));
const ofOffice = ROUTE_NAMES.filter((name) => routeOf(name).path.includes(":officeId"));

describe.each(ROUTE_NAMES)("%s opens to nobody", (name) => {
  test.each([
    ["without a key", () => ({ token: null })],
    ["with an unknown key", () => ({ token: unknownToken(name) })],
    ["with something that is no key", () => ({ token: "letmein" })],
    ["with a password", () => ({ token: null, headers: { authorization: "Basic YTpi" } })],
    ["with a key of the other kind", () => ({ token: otherKind() })],
  ])("%s", async (_case, change) => {
    await changingNothing(api(), async () => {
      const answer = await ask(api(), scene, name, change());
      expect(problemIn(answer).code).toBe("unauthorized");
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    });
  });

  const otherKind = () => (routeOf(name).access === "execution" ? scene.writeKey : scene.executionToken);
});

describe("a key of another office finds nothing", () => {
  test.each(ofOffice)("at %s", async (name) => {
    await changingNothing(api(), async () => {
      const strange = await ask(api(), scene, name, { token: scene.strangerKey });
      const missing = await ask(api(), scene, name, { ids: { officeId: UNKNOWN_ID } });
      expect(problemIn(strange).code).toBe("not_found");
      // Exactly as if there were no such office.
      expect(strange.text.replaceAll(scene.ids["officeId"] ?? "", UNKNOWN_ID)).toBe(missing.text);
    });
  });

  test("at createExecutionToken", async () => {
    const strange = await ask(api(), scene, "createExecutionToken", { token: scene.strangerKey });
    const missing = await ask(api(), scene, "createExecutionToken", { ids: { executionId: UNKNOWN_ID } });
    expect(problemIn(strange).code).toBe("not_found");
    expect(strange.text.replaceAll(scene.ids["executionId"] ?? "", UNKNOWN_ID)).toBe(missing.text);
  });
});

describe("a key that may only read changes nothing", () => {
  test.each([...named("write"), ...named("admin")])("at %s", async (name) => {
    await changingNothing(api(), async () => {
      const answer = await ask(api(), scene, name, { token: scene.readKey });
      expect(problemIn(answer).code).toBe("forbidden");
    });
  });
});

describe("a key of one office is not enough", () => {
  test.each(named("admin"))("at %s", async (name) => {
    await changingNothing(api(), async () => {
      const answer = await ask(api(), scene, name, { token: scene.writeKey });
      expect(problemIn(answer).code).toBe("forbidden");
    });
  });
});

describe("a token of one execution", () => {
  test.each(named("execution"))("opens no other at %s", async (name) => {
    const office = await api().createOffice();
    await office.submit({ a: { session: { runtime: "external", cwd: "/", env: {} } } });
    const { execution_id: executionId } = await office.claimOne();
    await changingNothing(api(), async () => {
      const answer = await ask(api(), scene, name, { ids: { executionId } });
      expect(problemIn(answer).code).toBe("unauthorized");
    });
  });
});

describe("each address says which methods it takes", () => {
  const paths = [...new Set(ROUTE_NAMES.map((name) => routeOf(name).path))];
  test.each(paths)("%s", async (path) => {
    const names = ROUTE_NAMES.filter((name) => routeOf(name).path === path);
    const known = names.map((name) => routeOf(name).method.toUpperCase());
    const [first] = names;
    if (first === undefined) throw new Error("a path has a route");
    const address = addressOf(first, scene.ids);
    const allow = known.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
    const options = await api().request("OPTIONS", address, { token: null });
    expect([options.status, options.headers.get("allow")]).toEqual([204, allow]);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((other) => !known.includes(other))) {
      const answer = await api().request(method, address, method === "GET" ? {} : { json: bodyOf(first) ?? {} });
      expect(problemIn(answer).code).toBe("method_not_allowed");
      expect(answer.headers.get("allow")).toBe(allow);
    }
  });
});

describe("HEAD", () => {
  const readable = ROUTE_NAMES.filter((name) => routeOf(name).method === "get");
  test.each(readable)("says of %s what GET would, and ends", async (name) => {
    const query = name === "getJobLogs" ? "?follow=1" : "";
    const answer = await api().request("HEAD", addressOf(name, scene.ids, query));
    const { media = "application/json" } = routeOf(name);
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers.get("content-type")).toContain(media);
  });
});
