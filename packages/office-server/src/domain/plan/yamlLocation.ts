import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from "yaml";
import type { ValueProblem } from "./errors.ts";
import { isMergeKey } from "./yamlValue.ts";

type Field = Pair<Node, Node | null>;

/** Finds where values are written, through aliases and merged mappings. A mapping is indexed when first looked into. */
export class YamlLocator {
  readonly #root: Node | null;
  readonly #targets: ReadonlyMap<Alias, Node>;
  readonly #fields = new Map<YAMLMap, Map<string, Field>>();

  constructor(root: Node | null, targets: ReadonlyMap<Alias, Node>) {
    this.#root = root;
    this.#targets = targets;
  }

  /** Where the value at `path` (its field's name with `atKey`) begins; where it is missing, where its parent does. */
  offsetOf({ path, atKey = false }: Pick<ValueProblem, "path" | "atKey">): number {
    let place: Node | null | undefined = this.#root;
    let parent = this.#root;
    for (const [depth, step] of path.entries()) {
      const collection = this.#resolve(parent);
      if (isMap(collection)) {
        const field = this.#fieldsOf(collection).get(String(step));
        if (field === undefined) break;
        const last = depth === path.length - 1;
        place = (last && atKey) || isBlank(field.value) ? field.key : field.value;
        parent = field.value;
      } else if (isSeq(collection)) {
        parent = (collection.items[Number(step)] as Node | undefined) ?? null;
        place = parent ?? place;
      }
    }
    return place?.range?.[0] ?? 0;
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (this.#targets.get(node) ?? null) : node;
  }

  #fieldsOf(map: YAMLMap): Map<string, Field> {
    const known = this.#fields.get(map);
    if (known !== undefined) return known;
    const fields = new Map<string, Field>();
    this.#fields.set(map, fields);
    const merged: YAMLMap[] = [];
    for (const field of map.items as Field[]) {
      if (isMergeKey(field.key)) merged.push(...this.#mappingsOf(field.value));
      else if (isScalar(field.key)) fields.set(String(field.key.value), field);
    }
    for (const source of merged) {
      for (const [name, field] of this.#fieldsOf(source)) if (!fields.has(name)) fields.set(name, field);
    }
    return fields;
  }

  /** The mappings that `<<` merges. */
  #mappingsOf(value: Node | null): YAMLMap[] {
    const source = this.#resolve(value);
    const sources = isSeq(source) ? source.items.map((item) => this.#resolve(item as Node)) : [source];
    return sources.filter((item) => isMap(item));
  }
}

/** Nothing is written where the value should be, as in `depends_on:`. */
const isBlank = (value: Node | null): boolean => value === null || (isScalar(value) && value.source === "");
