/** What can be wrong with a request's body: one that is right, with one thing changed in each. */

export interface Mutation {
  /** Where, as the API names it: `body.jobs[0].key`. */
  field: string;
  body: unknown;
}

type Path = readonly (string | number)[];

/** Every value of a body that is no object and no list, and where it is. */
function leavesOf(value: unknown, path: Path = []): { path: Path; leaf: unknown }[] {
  if (typeof value !== "object" || value === null) return [{ path, leaf: value }];
  return Object.entries(value).flatMap(([key, part]) => leavesOf(part, [...path, stepOf(value, key)]));
}

/** Every object of a body, and where it is. */
function objectsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [];
  const deeper = Object.entries(value).flatMap(([key, part]) => objectsOf(part, [...path, stepOf(value, key)]));
  return Array.isArray(value) ? deeper : [path, ...deeper];
}

const stepOf = (container: object, key: string): string | number => (Array.isArray(container) ? Number(key) : key);

const fieldAt = (path: Path): string =>
  path.reduce<string>((name, step) => name + (typeof step === "number" ? `[${step}]` : `.${step}`), "body");

function changed(body: unknown, path: Path, to: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return to;
  const copy = structuredClone(body) as Record<string | number, unknown>;
  copy[step] = changed(copy[step], rest, to);
  return copy;
}

const replaced = (body: unknown, wanted: (leaf: unknown) => boolean, to: (leaf: unknown) => unknown): Mutation[] =>
  leavesOf(body)
    .filter(({ leaf }) => wanted(leaf))
    .map(({ path, leaf }) => ({ field: fieldAt(path), body: changed(body, path, to(leaf)) }));

const isText = (leaf: unknown): boolean => typeof leaf === "string";
const isNumber = (leaf: unknown): boolean => typeof leaf === "number";

/** Each value in turn is of another type. */
export const wrongTypes = (body: unknown): Mutation[] => [
  ...replaced(body, isText, () => true),
  ...replaced(body, isNumber, () => "many"),
  ...replaced(
    body,
    (leaf) => typeof leaf === "boolean",
    () => "yes",
  ),
];

/** Each text in turn holds a NUL character, or half of a surrogate pair. */
export const unstorableTexts = (body: unknown): Mutation[] => [
  ...replaced(body, isText, (text) => `${String(text)}\0`),
  ...replaced(body, isText, (text) => `${String(text)}\ud800`),
];

/** Each text in turn holds a control character. */
export const controlCharacters = (body: unknown): Mutation[] =>
  replaced(body, isText, (text) => `${String(text)}\u001b[2J`);

/** Each number in turn is one that nothing can be. */
export const impossibleNumbers = (body: unknown): Mutation[] =>
  [1e308, -1e308, 2 ** 53 + 2, 0.5].flatMap((number) => replaced(body, isNumber, () => number));

export const negativeNumbers = (body: unknown): Mutation[] => replaced(body, isNumber, () => -1);

/** Each object in turn has a field that is not known. */
export const unknownFields = (body: unknown): Mutation[] =>
  objectsOf(body).map((path) => ({
    field: fieldAt([...path, "no_such_field"]),
    body: changed(body, [...path, "no_such_field"], "x"),
  }));
