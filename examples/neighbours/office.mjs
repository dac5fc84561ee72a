// What the examples share: a request to the API, and a receiver of webhooks. Without dependencies, to be copied.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { OFFICE_URL = "http://127.0.0.1:3001", OFFICE_TOKEN, OFFICE_ID } = process.env;

/** The office that an example works for. */
export const office = `/api/offices/${OFFICE_ID}`;

/** Asks the API. `address` is a path, or a whole address that the office has told. Throws what the API says is wrong. */
export async function api(method, address, body, { token = OFFICE_TOKEN, headers = {} } = {}) {
  const response = await fetch(new URL(address, OFFICE_URL), {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.detail), { code: answer.code });
  return answer;
}

/**
 * Has the office tell this process of its events, until it is stopped: `onEvent(message, id)` is called with each one that is
 * signed as it should be. What it throws makes the office tell it again, later and with the same id.
 */
export async function receive(settings, onEvent) {
  const created = Promise.withResolvers();
  const server = createServer(async (request, response) => {
    const body = await readBody(request);
    const { secret } = await created.promise;
    if (!isSigned(request.headers, body, secret)) return response.writeHead(401).end();
    try {
      await onEvent(JSON.parse(body), request.headers["webhook-id"]);
      response.writeHead(204).end();
    } catch (error) {
      console.error(error.message);
      response.writeHead(500).end();
    }
  });
  const port = Number(process.env.RECEIVER_PORT ?? 0);
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const webhook = await api("POST", `${office}/webhooks`, { url, ...settings });
  created.resolve(webhook);
  process.once("SIGTERM", stop).once("SIGINT", stop);
  console.log(`told of ${settings.events.join(", ")}`);

  async function stop() {
    await api("DELETE", `${office}/webhooks/${webhook.id}`);
    server.close();
    server.closeAllConnections();
  }
}

const TOLERANCE_S = 5 * 60;

/** Standard Webhooks: HMAC-SHA256 of id, time and body. The time is held against the clock, so that nothing old is replayed. */
export function isSigned(headers, body, secret) {
  const { "webhook-id": id, "webhook-timestamp": sentAt, "webhook-signature": signatures = "" } = headers;
  if (Math.abs(Date.now() / 1_000 - Number(sentAt)) > TOLERANCE_S) return false;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const expected = Buffer.from(`v1,${createHmac("sha256", key).update(`${id}.${sentAt}.${body}`).digest("base64")}`);
  return signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
