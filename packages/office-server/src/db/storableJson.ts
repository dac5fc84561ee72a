/**
 * JSON that PostgreSQL's jsonb takes: it knows neither NUL nor half a surrogate pair, and a program's output may hold
 * both. Each becomes U+FFFD, the replacement character.
 */
export const storableJson = (value: unknown): string => {
  const json = JSON.stringify(value);
  // The usual case, told in a fraction of the time.
  return json.includes("\\u") ? json.replace(ESCAPES, (escape) => (escape === "\\\\" ? escape : "\\ufffd")) : json;
};

// An escaped backslash is matched first, so that the text `\u0000`, written out, stays what it is.
const ESCAPES = /\\(?:\\|u(?:0000|d[89a-f][0-9a-f]{2}))/g;
