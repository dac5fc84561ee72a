import { expect, test } from "vitest";
import { parsePasswd } from "../../../src/db/embedded/account.ts";
import { parsePidFile } from "../../../src/db/embedded/postmaster.ts";

test("accounts are read from /etc/passwd", () => {
  const accounts = parsePasswd(
    "# comment\nroot:x:0:0:root:/root:/bin/sh\npostgres:x:101:104::/:/bin/sh\nnobody:*:-2:-2::/:/x\n",
  );
  expect(accounts.get("postgres")).toEqual({ name: "postgres", uid: 101, gid: 104 });
  expect(accounts.get("nobody")).toEqual({ name: "nobody", uid: 4_294_967_294, gid: 4_294_967_294 });
  expect(accounts.size).toBe(3);
});

test("postmaster.pid is understood while it is still being written", () => {
  expect(parsePidFile("")).toBeNull();
  expect(parsePidFile("123\n/data\n")).toEqual({ pid: 123, port: null, ready: false });
  const starting = "123\n/data\n1700000000\n5433\n\n127.0.0.1\n  1 2\nstarting\n";
  expect(parsePidFile(starting)).toEqual({ pid: 123, port: 5433, ready: false });
  expect(parsePidFile(starting.replace("starting", "ready   "))).toEqual({ pid: 123, port: 5433, ready: true });
});
