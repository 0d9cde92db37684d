import { stringify } from "smol-toml";
import { differences } from "../../config/document/diff.ts";
import { DocumentError } from "../../config/document/error.ts";
import { readDocument } from "../../config/document/formats.ts";
import type { Json } from "../../config/document/json.ts";
import { writeDurably } from "../../store/durable_file.ts";
import { replaceFile, stampOf } from "../../store/replace_file.ts";
import { StoreError } from "../../store/store.ts";
import { ControlError } from "../api.ts";

/**
 * Write a document over a configuration file, which keeps its mode and owner; comments do not survive.
 * Throws ControlError, and the file is as it was then: "failed", and "conflict" where it says neither
 * that nor what it said when it was read.
 *
 * @param read what the file said; undefined where that could not be understood, null where it is to be
 * overwritten whatever it says
 */
export async function writeConfigFile(
  path: string,
  document: { [key: string]: Json },
  read: Json | undefined,
): Promise<void> {
  const text = stringify(document);
  try {
    const old = await Deno.stat(path).catch(() => null);
    if (old === null) return await writeDurably(path, text);
    if (read !== null) {
      refuseChanged(path, await Deno.readTextFile(path), [read, document]);
    }
    await replaceFile(path, stampOf(old), [new TextEncoder().encode(text)]);
  } catch (error) {
    if (error instanceof ControlError) throw error;
    const reason = (error as Error).message;
    throw new ControlError(
      "failed",
      error instanceof StoreError ? reason : `cannot write ${path}: ${reason}`,
    );
  }
}

function refuseChanged(
  path: string,
  text: string,
  [read, wanted]: readonly [Json | undefined, Json],
): void {
  const now = understood(text);
  const places = differences(read, now).map(({ path }) => path);
  const isExpected = places.length === 0 ||
    differences(wanted, now).length === 0;
  if (now !== undefined && isExpected) return;
  throw new ControlError(
    "conflict",
    `${path} was changed since it was read${
      now === undefined || read === undefined ? "" : `, in ${places.join(", ")}`
    }: reload it first, or save with discard=true to lose that`,
  );
}

function understood(text: string): Json | undefined {
  try {
    return readDocument("text/toml", text);
  } catch (error) {
    if (error instanceof DocumentError) return undefined;
    throw error;
  }
}
