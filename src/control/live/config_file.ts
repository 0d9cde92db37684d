import { stringify } from "smol-toml";
import type { Json } from "../../config/document/json.ts";
import { writeDurably } from "../../store/durable_file.ts";
import { replaceFile, stampOf } from "../../store/replace_file.ts";
import { StoreError } from "../../store/store.ts";
import { ControlError } from "../api.ts";

/**
 * Write a document over a configuration file, which keeps its mode and owner; comments do not survive.
 * Throws ControlError("failed"); the file is as it was then.
 */
export async function writeConfigFile(
  path: string,
  document: { [key: string]: Json },
): Promise<void> {
  const text = stringify(document);
  try {
    const old = await Deno.stat(path).catch(() => null);
    if (old === null) return await writeDurably(path, text);
    await replaceFile(path, stampOf(old), [new TextEncoder().encode(text)]);
  } catch (error) {
    const reason = (error as Error).message;
    throw new ControlError(
      "failed",
      error instanceof StoreError ? reason : `cannot write ${path}: ${reason}`,
    );
  }
}
