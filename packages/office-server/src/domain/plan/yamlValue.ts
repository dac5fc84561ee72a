import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { TextProblem } from "./errors.ts";
import { isMapping, type Mapping } from "./mapping.ts";

/**
 * The size of a plan when all its aliases are written out: its characters, and VALUE_SIZE for each value.
 * A plan without aliases cannot get there within PLAN_BYTES_MAX.
 */
const EXPANDED_SIZE_MAX = 128 * 1024 * 1024;
const VALUE_SIZE = 64;

interface Sized {
  value: unknown;
  size: number;
}

const NOTHING: Sized = { value: null, size: VALUE_SIZE };

/**
 * Turns a YAML document into plain values: arrays, mappings, text, numbers, true, false, null. Aliases share what they
 * stand for instead of copying it, `<<` merges mappings, and the size with all aliases written out is bounded, so a
 * nest of aliases ("billion laughs") ends at once.
 */
export class YamlReader {
  readonly problems: TextProblem[] = [];
  /** What each alias stands for. */
  readonly targets = new Map<Alias, Node>();
  /** Reading stopped: the plan is too large when its aliases are written out. */
  overflowed = false;
  readonly #lineAt: (offset: number) => number;
  readonly #anchors = new Map<string, Node>();
  readonly #anchored = new Map<Node, Sized>();

  constructor(lineAt: (offset: number) => number) {
    this.#lineAt = lineAt;
  }

  read(document: Document.Parsed): unknown {
    return this.#valueOf(document.contents).value;
  }

  #valueOf(node: Node | null): Sized {
    if (node === null || this.overflowed) return NOTHING;
    if (isAlias(node)) return this.#aliasValue(node);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    const sized = this.#bounded(node, this.#ownValue(node));
    if (node.anchor !== undefined) this.#anchored.set(node, sized);
    return sized;
  }

  #ownValue(node: Node): Sized {
    if (isScalar(node)) return this.#scalarValue(node);
    if (isMap(node)) return this.#mappingValue(node);
    if (isSeq(node)) return this.#listValue(node);
    return NOTHING;
  }

  #aliasValue(alias: Alias): Sized {
    const name = alias.source;
    const target = this.#anchors.get(name);
    if (target === undefined) return this.#refuse(alias, `*${name} stands for nothing: write &${name} above it`);
    this.targets.set(alias, target);
    return this.#anchored.get(target) ?? this.#refuse(alias, `*${name} is used within what it stands for`);
  }

  #scalarValue(node: Scalar): Sized {
    const { value } = node;
    if (typeof value === "string") return { value, size: VALUE_SIZE + value.length };
    if (value === null || typeof value === "number" || typeof value === "boolean") return { value, size: VALUE_SIZE };
    return this.#refuse(node, "only text, numbers, true, false, lists and mappings may be used in a plan");
  }

  #listValue(list: YAMLSeq): Sized {
    const items = list.items.map((item) => this.#valueOf(item as Node));
    return { value: items.map(({ value }) => value), size: items.reduce((sum, { size }) => sum + size, VALUE_SIZE) };
  }

  #mappingValue(map: YAMLMap): Sized {
    const value = Object.create(null) as Mapping;
    const keys = new Map<string, Node>();
    const merged: Mapping[] = [];
    let size = VALUE_SIZE;
    for (const { key, value: node } of map.items as Pair<Node, Node | null>[]) {
      const name = isMergeKey(key) ? null : this.#nameOf(key, keys);
      const field = this.#valueOf(node);
      size += field.size;
      if (name !== null) {
        size += name.length;
        value[name] = field.value;
      } else if (isMergeKey(key)) {
        const sources = [field.value].flat();
        if (sources.every(isMapping)) merged.push(...sources);
        else this.#refuse(node ?? key, "<< takes a mapping or a list of mappings, such as *base");
      }
    }
    for (const source of merged) {
      for (const name of Object.keys(source)) if (!(name in value)) value[name] = source[name];
    }
    return { value, size };
  }

  /** The name that a field's key gives it, or null, with a problem, where it cannot be one. */
  #nameOf(key: Node, keys: Map<string, Node>): string | null {
    const name = isScalar(key) ? this.#valueOf(key).value : undefined;
    if (typeof name !== "string") {
      const hint = isScalar(key) && key.source ? `: write it in quotes, as "${key.source}"` : "";
      this.#refuse(key, `the name of a field must be text${hint}`);
      return null;
    }
    if (name === "__proto__") {
      this.#refuse(key, '"__proto__" cannot be a name: choose another');
      return null;
    }
    const first = keys.get(name);
    if (first !== undefined) {
      const line = this.#lineAt(first.range?.[0] ?? 0);
      this.#refuse(key, `${JSON.stringify(name)} is here twice, first on line ${line}: keep one of them`);
      return null;
    }
    keys.set(name, key);
    return name;
  }

  #bounded(node: Node, sized: Sized): Sized {
    if (sized.size <= EXPANDED_SIZE_MAX) return sized;
    this.#refuse(node, "written out without aliases this is too much: use fewer of them");
    this.overflowed = true;
    return NOTHING;
  }

  #refuse(node: Node, message: string): Sized {
    if (!this.overflowed) this.problems.push({ offset: node.range?.[0] ?? 0, message });
    return NOTHING;
  }
}

export const isMergeKey = (key: Node): boolean => isScalar(key) && key.type === "PLAIN" && key.source === "<<";
