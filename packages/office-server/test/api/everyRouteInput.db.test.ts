import { gzipSync } from "node:zlib";
import { newSecret } from "office-server/platform/ids.ts";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, problemIn, setupFileApi } from "../../../../test/support/api.ts";
import {
  ask,
  bodyOf,
  buildScene,
  changingNothing,
  ROUTE_NAMES,
  routeOf,
  type Scene,
  UNKNOWN_ID,
} from "./everyRoute.ts";
import {
  controlCharacters,
  impossibleNumbers,
  type Mutation,
  negativeNumbers,
  unknownFields,
  unstorableTexts,
  wrongTypes,
} from "./mutations.ts";

const MEBIBYTE = 1024 * 1024;
const JSON_TYPE = { "content-type": "application/json" };

const api = setupFileApi();
let scene: Scene;
beforeAll(async () => {
  scene = await buildScene(api());
});

const withBody = ROUTE_NAMES.filter((name) => routeOf(name).body !== undefined);
const withParams = ROUTE_NAMES.filter((name) => routeOf(name).params !== undefined);
const paramsOf = (name: (typeof ROUTE_NAMES)[number]) => Object.keys(routeOf(name).params?.shape ?? {});

const TAKES_LARGE: ReadonlySet<string> = new Set(["submitJobs", "completeExecution", "heartbeatExecution"]);

/** The fields that an answer refuses by name, as it must. */
function refusedIn(answer: Answer): string[] {
  const problem = problemIn(answer);
  expect(problem.code, problem.detail).toBe("invalid_request");
  expect(problem.detail.length).toBeLessThan(1_000);
  return (problem.errors ?? []).map(({ field }) => field);
}

describe.each(withBody)("%s refuses", (name) => {
  test("a name that would get lost", async () => {
    await changingNothing(api(), async () => {
      const body = '{"any": [{"__proto__": 1}]}';
      const problem = problemIn(await ask(api(), scene, name, { body, headers: JSON_TYPE }));
      expect(problem).toMatchObject({ code: "invalid_request", errors: [{ message: "__proto__ cannot be a name" }] });
    });
  });

  test.each([
    ["half of a document", "{", JSON_TYPE],
    ["two documents", "{}{}", JSON_TYPE],
    ["what is not in UTF-8", Buffer.from([0x22, 0xff, 0x22]), JSON_TYPE],
    ["what is said to be compressed and is not", "{}", { ...JSON_TYPE, "content-encoding": "gzip" }],
  ])("%s", async (_case, body, headers) => {
    await changingNothing(api(), async () => {
      expect(problemIn(await ask(api(), scene, name, { body, headers })).code).toBe("malformed_json");
    });
  });

  test.each([
    ["text", { "content-type": "text/plain" }],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["JSON in UTF-7", { "content-type": "application/json; charset=utf-7" }],
    ["an unknown compression", { ...JSON_TYPE, "content-encoding": "lzw" }],
  ])("%s", async (_case, headers) => {
    await changingNothing(api(), async () => {
      const body = JSON.stringify(bodyOf(name));
      expect(problemIn(await ask(api(), scene, name, { body, headers })).code).toBe("unsupported_media_type");
    });
  });

  test("what does not say what it is", async () => {
    const body = Buffer.from(JSON.stringify(bodyOf(name)));
    expect(problemIn(await ask(api(), scene, name, { body })).code).toBe("unsupported_media_type");
  });

  test.each(["null", "[]", '"text"', "1"])("%s", async (body) => {
    await changingNothing(api(), async () => {
      expect(refusedIn(await ask(api(), scene, name, { body, headers: JSON_TYPE }))).toContain("body");
    });
  });

  const kinds: [string, (body: unknown) => Mutation[]][] = [
    ["values of another type", wrongTypes],
    ["text that cannot be stored", unstorableTexts],
    ["numbers that nothing can be", impossibleNumbers],
    ["fields that are not known", unknownFields],
  ];
  test.each(kinds)("%s", async (_case, mutate) => {
    await changingNothing(api(), async () => {
      for (const { field, body } of mutate(bodyOf(name))) {
        expect(refusedIn(await ask(api(), scene, name, { json: body }))).toContain(field);
      }
    });
  });

  test("a body of 2 MB where it is not for large ones", async () => {
    await changingNothing(api(), async () => {
      const large = { no_such_field: "x".repeat(2 * MEBIBYTE) };
      const answer = await ask(api(), scene, name, { json: large });
      if (TAKES_LARGE.has(name)) expect(refusedIn(answer)).toContain("body.no_such_field");
      else expect(problemIn(answer).code).toBe("too_large");
    });
  });

  test("a small body that is large when unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MEBIBYTE, 0x20));
    expect(bomb.length).toBeLessThan(MEBIBYTE / 8);
    await changingNothing(api(), async () => {
      const headers = { ...JSON_TYPE, "content-encoding": "gzip" };
      expect(problemIn(await ask(api(), scene, name, { body: bomb, headers })).code).toBe("too_large");
    });
  });
});

test.each(ROUTE_NAMES.filter((name) => routeOf(name).body === undefined && routeOf(name).method !== "get"))(
  "%s, which takes no body, refuses what one says",
  async (name) => {
    await changingNothing(api(), async () => {
      expect(refusedIn(await ask(api(), scene, name, { json: { downstream: false } }))).toContain("body.downstream");
    });
  },
);

describe.each(withParams)("%s refuses", (name) => {
  const ids = paramsOf(name);

  test.each(["1", "not-a-uuid", "\0", "../keys", "%", UNKNOWN_ID.slice(1), "a".repeat(5_000)])(
    "the id %j",
    async (id) => {
      await changingNothing(api(), async () => {
        for (const param of ids)
          expect(refusedIn(await ask(api(), scene, name, { ids: { [param]: id } }))).toContain(`path.${param}`);
      });
    },
  );

  test("ids of nothing", async () => {
    const isExecution = routeOf(name).access === "execution";
    await changingNothing(api(), async () => {
      for (const param of ids) {
        const answer = await ask(api(), scene, name, { ids: { [param]: UNKNOWN_ID } });
        expect(problemIn(answer).code).toBe(isExecution ? "unauthorized" : "not_found");
      }
    });
  });
});

describe.each(ROUTE_NAMES)("%s refuses", (name) => {
  const { query, headers } = routeOf(name);

  test("a query that is not known", async () => {
    await changingNothing(api(), async () => {
      expect(refusedIn(await ask(api(), scene, name, { query: "?no_such_field=1" }))).toContain("query.no_such_field");
    });
  });

  test.each(Object.keys(query?.shape ?? {}))("queries for %s that mean nothing", async (field) => {
    await changingNothing(api(), async () => {
      for (const value of ["%00", "a&x=b".replace("x", field)]) {
        expect(refusedIn(await ask(api(), scene, name, { query: `?${field}=${value}` }))).toContain(`query.${field}`);
      }
      if (field === "name" || field === "role") return;
      for (const value of ["abc%0a", "-1", "1e400", "0.5", "ready,nonsense", "{}"]) {
        expect(refusedIn(await ask(api(), scene, name, { query: `?${field}=${value}` }))).toContain(`query.${field}`);
      }
    });
  });

  test.each(Object.keys(headers?.shape ?? {}))("a header %s that means nothing", async (field) => {
    await changingNothing(api(), async () => {
      for (const value of ["two words", "ü", "-1 ", "x".repeat(300)].filter(
        (text) => field === "last-event-id" || text !== "-1 ",
      )) {
        expect(refusedIn(await ask(api(), scene, name, { headers: { [field]: value } }))).toContain(`header.${field}`);
      }
    });
  });
});

describe("text on one line", () => {
  test("takes no control characters", async () => {
    const body = { name: "of a test", access: "read" };
    for (const { field, body: changed } of controlCharacters(body)) {
      expect(refusedIn(await ask(api(), scene, "createKey", { json: changed }))).toContain(field);
    }
  });
});

describe("what callers want remembered", () => {
  test.each([
    ["NUL in a text", { deep: [{ text: "a\0b" }] }],
    ["NUL in a name", { "a\0b": 1 }],
    ["half of a surrogate pair", { text: "\ud800" }],
    ["more than is kept", { text: "x".repeat(65_537) }],
  ])("is refused with %s", async (_case, metadata) => {
    await changingNothing(api(), async () => {
      const office = await ask(api(), scene, "createOffice", { json: { name: "n", metadata } });
      const jobs = await ask(api(), scene, "submitJobs", { json: { jobs: [{ key: "a", command: ["x"], metadata }] } });
      expect(refusedIn(office)).toContain("body.metadata");
      expect(refusedIn(jobs)).toContain("body.jobs[0].metadata");
    });
  });
});

describe("numbers below zero", () => {
  test.each(withBody.filter((name) => name !== "setPriority"))("are refused by %s", async (name) => {
    await changingNothing(api(), async () => {
      for (const { field, body } of negativeNumbers(bodyOf(name)).filter(({ field: at }) => !at.endsWith("priority"))) {
        expect(refusedIn(await ask(api(), scene, name, { json: body }))).toContain(field);
      }
    });
  });
});

describe("a submission that is too large", () => {
  const job = (index: number, dependsOn: string[] = []) => ({ key: `j${index}`, run: "true", depends_on: dependsOn });

  test("100,000 dependencies", async () => {
    const keys = Array.from({ length: 316 }, (_, index) => `j${index}`);
    const jobs = Array.from({ length: 640 }, (_, index) => job(index, index < 316 ? [] : keys));
    await changingNothing(api(), async () => {
      const answer = await ask(api(), scene, "submitJobs", { json: { jobs } });
      expect(refusedIn(answer)).toContain("body.jobs");
      expect(problemIn(answer).detail).toContain("50000 dependencies");
      expect(problemIn(answer).detail).toContain("has 102384");
    });
  });

  test("10,001 jobs", async () => {
    const jobs = Array.from({ length: 10_001 }, (_, index) => job(index));
    await changingNothing(api(), async () => {
      const answer = await ask(api(), scene, "submitJobs", { json: { jobs } });
      expect(refusedIn(answer)).toContain("body.jobs");
      expect(problemIn(answer).detail).toContain("10000 jobs, and has 10001");
    });
  });

  test("more than 32 MB", async () => {
    const body = `{"jobs":[${" ".repeat(32 * MEBIBYTE)}]}`;
    const answer = await ask(api(), scene, "submitJobs", { body, headers: JSON_TYPE });
    expect(problemIn(answer).code).toBe("too_large");
  });

  test("10,000 jobs of which each is wrong are told of by the first 20 faults", async () => {
    const jobs = Array.from({ length: 10_000 }, (_, index) => ({ ...job(index), nonsense: 1, tiemout: 1 }));
    const problem = problemIn(await ask(api(), scene, "submitJobs", { json: { jobs } }));
    expect(problem.errors).toHaveLength(20);
    expect(problem.errors?.[1]).toEqual({
      field: "body.jobs[0].tiemout",
      message: 'is no field that is known here (did you mean "timeout"?)',
    });
  });

  test("what is nested without end", async () => {
    const body = `{"jobs":[{"key":"a","metadata":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}]}`;
    expect(refusedIn(await ask(api(), scene, "submitJobs", { body, headers: JSON_TYPE }))).toContain("body");
  });
});

test("no secret of a request comes back", async () => {
  const secret = newSecret();
  const job = { key: "a", run: 1, env: { TOKEN: [secret] } };
  const answers = [
    await ask(api(), scene, "submitJobs", { json: { jobs: [job] } }),
    await ask(api(), scene, "createWebhook", { json: { url: `ftp://user:${secret}@example.com` } }),
    await ask(api(), scene, "createWebhook", { json: { url: `https://user:${secret}@example.com` } }),
  ];
  for (const answer of answers) {
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain(secret);
  }
});
