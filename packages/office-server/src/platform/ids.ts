import { randomBytes, randomUUID } from "node:crypto";
import { v7 } from "uuid";

/** A name that nothing else has. */
export const newId = (): string => randomUUID();

/** 256 bits that nobody can guess, in characters that need no quoting anywhere. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

/**
 * A job's id: a UUID of version 7, rising from call to call within this process. So a request's jobs keep its order
 * (ids break ties), and new rows go to the end of their index.
 */
export const newJobId = (): string => v7();

/** A secret that signs webhooks, as Standard Webhooks writes it: 256 bits. */
export const newSigningSecret = (): string => `whsec_${randomBytes(32).toString("base64")}`;
