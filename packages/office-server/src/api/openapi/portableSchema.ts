import type { ZodOpenApiOverride } from "zod-openapi";

const INT32_MAX = 2 ** 31 - 1;

/** What code generators cannot read, in words that they can: many of their languages have poorer regular expressions. */
const PATTERNS: Readonly<Record<string, string>> = {
  "^\\P{Cc}*$": "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
  "^(?=\\d)(?:(\\d+)d)?(?:(\\d+)h)?(?:(\\d+)m(?!s))?(?:(\\d+)s)?(?:(\\d+)ms)?$":
    "^(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?$",
};
/** Generators make types of their own of these, to which a pattern cannot be applied. */
const TYPED_FORMATS: ReadonlySet<unknown> = new Set(["uuid", "date-time"]);

/**
 * Says what a schema says in a way that generators of clients in other languages take. What is lost on the way is checked
 * by the server all the same.
 */
export const portableSchema: ZodOpenApiOverride = ({ jsonSchema: schema, io }) => {
  if (TYPED_FORMATS.has(schema.format)) delete schema.pattern;
  if (schema.pattern !== undefined) schema.pattern = PATTERNS[schema.pattern] ?? schema.pattern;
  if (schema.type === "integer") {
    if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
    if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
    if ((schema.maximum ?? Infinity) > INT32_MAX) schema.format = "int64";
  }
  if (schema.const !== undefined) {
    schema.enum = [schema.const];
    delete schema.const;
  }
  delete schema.not;
  if (JSON.stringify(schema.propertyNames) === '{"type":"string"}') delete schema.propertyNames;
  // A client must not fall over a field that a later version adds, or miss one that has no value.
  if (io === "output") {
    if (schema.additionalProperties === false) delete schema.additionalProperties;
    delete schema.default;
  }
};
