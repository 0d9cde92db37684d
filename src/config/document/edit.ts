/**
 * Changes of a document, by the rules of Caddy's configuration API. What differs from Caddy, and
 * why, is listed in docs/compatibility.md.
 */
import { isTable } from "../inspect.ts";
import { DocumentError } from "./error.ts";
import { type Json, object, own } from "./json.ts";
import { type DocumentPath, formatConfigPath, type Target } from "./path.ts";
import { indexOf, noWay } from "./read.ts";

export type Edit =
  & Target
  & (
    | {
      /** POST sets, or adds to a list; PUT creates, or inserts into a list; PATCH replaces. */
      readonly method: "POST" | "PUT" | "PATCH";
      readonly value: Json;
    }
    | { readonly method: "DELETE" }
  );

/**
 * The document after a change; the given one stays as it is. Null stands for no document at all, so
 * DELETE of the root answers it. DocumentError "absent" for PATCH and DELETE of what is not there,
 * "exists" for PUT of what is, "invalid" for everything else.
 */
export function edit(document: Json | null, change: Edit): Json | null {
  if (change.each && change.method !== "POST") {
    throw new DocumentError(
      "invalid",
      "/... is for POST alone: it adds each element of a list",
    );
  }
  return new Editor(change).root(document);
}

class Editor {
  readonly #path: DocumentPath;

  constructor(private readonly change: Edit) {
    this.#path = change.path;
  }

  root(document: Json | null): Json | null {
    const before = document ?? undefined;
    return (this.#path.length === 0
      ? this.#member(before)
      : this.#within(this.#made(before), 0)) ?? null;
  }

  /** The value that takes the place of `node`, whose member the `i`th name of the path is. */
  #within(node: Json | undefined, i: number): Json {
    const isLast = i === this.#path.length - 1;
    if (Array.isArray(node)) {
      const index = indexOf(node, this.#path, i);
      return isLast
        ? this.#element(node, index)
        : node.with(index, this.#within(node[index], i + 1));
    }
    if (!isTable(node)) throw this.#noWay(node, i);
    const name = this.#path[i]!;
    const before = own(node, name);
    return withMember(
      node,
      name,
      isLast ? this.#member(before) : this.#within(this.#made(before), i + 1),
    );
  }

  /** As in Caddy, PUT makes the objects on the way to what it creates, where members are absent or null. */
  #made(member: Json | undefined): Json | undefined {
    return this.change.method === "PUT" ? member ?? object([]) : member;
  }

  /** The new value of an object's member; undefined when it is taken away. */
  #member(before: Json | undefined): Json | undefined {
    const { change } = this;
    if (change.method === "POST") return this.#posted(before, change.value);
    const where = formatConfigPath(this.#path);
    if (change.method === "PUT") {
      if (before === undefined) return change.value;
      throw new DocumentError("exists", `${where} exists already`);
    }
    if (before === undefined) {
      throw new DocumentError("absent", `${where} does not exist`);
    }
    return change.method === "PATCH" ? change.value : undefined;
  }

  #posted(before: Json | undefined, value: Json): Json {
    if (!this.change.each) {
      return Array.isArray(before) ? [...before, value] : value;
    }
    const list = before ?? [];
    const where = formatConfigPath(this.#path);
    if (!Array.isArray(list)) {
      throw new DocumentError("invalid", `${where} is no list to add to`);
    }
    if (!Array.isArray(value)) {
      throw new DocumentError("invalid", "/... needs a list in the body");
    }
    return [...list, ...value];
  }

  /** The list after a change at one of its elements. */
  #element(list: readonly Json[], index: number): Json {
    const { change } = this;
    switch (change.method) {
      case "POST": {
        const before = list[index];
        return Array.isArray(before)
          ? list.with(index, this.#posted(before, change.value))
          : this.#posted([...list], change.value);
      }
      case "PUT":
        return list.toSpliced(index, 0, change.value);
      case "PATCH":
        return list.with(index, change.value);
      case "DELETE":
        return list.toSpliced(index, 1);
    }
  }

  #noWay(node: Json | undefined, i: number): DocumentError {
    const { method } = this.change;
    const isAbsent = node === undefined || node === null;
    if (isAbsent && (method === "PATCH" || method === "DELETE")) {
      const where = formatConfigPath(this.#path);
      return new DocumentError("absent", `${where} does not exist`);
    }
    return noWay(this.#path, i, node);
  }
}

/** The object with another value at a name, in the same place; undefined takes it away. */
function withMember(
  from: { readonly [key: string]: Json },
  name: string,
  value: Json | undefined,
): Json {
  const made = object(Object.entries(from));
  if (value === undefined) delete made[name];
  else made[name] = value;
  return made;
}
