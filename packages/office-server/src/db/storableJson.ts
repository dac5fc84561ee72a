/**
 * JSON that PostgreSQL's jsonb takes: it knows neither NUL nor half a surrogate pair, and a program's output may hold
 * both. Each becomes U+FFFD, the replacement character.
 */
export const storableJson = (value: unknown): string =>
  JSON.stringify(value).replace(ESCAPES, (escape) => (escape === "\\\\" ? escape : "\\ufffd"));

// An escaped backslash is matched first, so that the text `\u0000`, written out, stays what it is.
const ESCAPES = /\\(?:\\|u(?:0000|d[89a-f][0-9a-f]{2}))/g;
