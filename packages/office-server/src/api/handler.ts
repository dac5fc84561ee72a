import type { Request, Response } from "express";
import type { RouteName, Routes } from "office-contract/api/routes.ts";
import type { z } from "zod";
import type { Database } from "../db/connection.ts";
import type { Announcer } from "../db/wakeups.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import type { EventHub } from "../services/events/EventHub.ts";

/** What the handlers of this process share. */
export interface ApiContext {
  database: Database;
  config: Config;
  log: Logger;
  /** Tells workers what has changed, after the commit. */
  announcer: Announcer;
  /** Follows the event logs of the offices that somebody listens to. */
  events: EventHub;
}

/** Who has sent a request. `officeId` null: a key of all offices. */
export interface Caller {
  keyId: string;
  officeId: string | null;
  access: "read" | "write";
}

type Read<Name extends RouteName, Part extends string> = Routes[Name] extends {
  [Key in Part]: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : undefined;

/** A request that has been checked: who sends it, that they may, that what it names is theirs, and each field. */
export interface Call<Name extends RouteName> {
  params: Read<Name, "params">;
  query: Read<Name, "query">;
  headers: Read<Name, "headers">;
  body: Read<Name, "body">;
  /** Null on routes that take an execution's own token. */
  caller: Caller | null;
  /** For answers that are streamed. */
  request: Request;
  response: Response;
}

type Answer<Name extends RouteName> = Routes[Name] extends { media: string }
  ? void
  : Routes[Name]["response"] extends z.ZodType
    ? z.input<Routes[Name]["response"]>
    : void;

/**
 * Carries out one route: calls services, and presents what they return. Refuses by throwing a Refusal. Handlers of routes
 * with a `media` of their own write the response themselves.
 */
export type Handler<Name extends RouteName> = (context: ApiContext, call: Call<Name>) => Promise<Answer<Name>>;

/** Handlers of some routes, by name. */
export type Handlers<Names extends RouteName> = { readonly [Name in Names]: Handler<Name> };
