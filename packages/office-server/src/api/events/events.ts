import type { Handlers } from "../handler.ts";
import { EventStream } from "./EventStream.ts";

/** For how long to stay away when too many follow already, in s. */
const RETRY_AFTER_S = 10;

export const eventHandlers: Handlers<"streamEvents"> = {
  async streamEvents({ events }, { params: { officeId }, query, headers, request, response }) {
    // What a client says by itself when it connects again is newer than the address that it was given at first.
    const place = await events.place(officeId, headers["last-event-id"] ?? query.after ?? null);
    if (response.closed) return;
    const stream = new EventStream(response);
    response.set("Retry-After", String(RETRY_AFTER_S));
    const unsubscribe = events.subscribe(officeId, place, stream);
    response.removeHeader("Retry-After");
    stream.open(place, unsubscribe);
    if (request.method === "HEAD") response.end();
  },
};
