import { Buffer } from "node:buffer";
import type { StateDir } from "../state_dir.ts";

const NAME = "placeholder-key";

/**
 * The key by which placeholders name secrets. It is kept, so that what was read before a restart can be
 * written back behind it. Throws ControlError("failed").
 */
export async function placeholderKey(state: StateDir): Promise<Uint8Array> {
  const kept = Buffer.from(await state.read(NAME) ?? "", "hex");
  if (kept.length === 32) return kept;
  const key = crypto.getRandomValues(Buffer.alloc(32));
  await state.write(NAME, `${key.toString("hex")}\n`);
  return key;
}
