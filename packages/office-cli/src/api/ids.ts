const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ID_PREFIX = /^[0-9a-f][0-9a-f-]*$/i;
const PREFIX_LENGTH_MIN = 6;

/** Whether a text is a whole id. */
export const isId = (text: string): boolean => ID.test(text);

/** Whether a text may be the beginning of an id, long enough to mean one. */
export const isIdPrefix = (text: string): boolean => text.length >= PREFIX_LENGTH_MIN && ID_PREFIX.test(text);

/** Those whose id begins with a text. */
export const withPrefix = <Entry extends { id: string }>(entries: readonly Entry[], prefix: string): Entry[] =>
  entries.filter(({ id }) => id.startsWith(prefix.toLowerCase()));
