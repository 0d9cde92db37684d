import assert from "node:assert/strict";
import { lineText } from "./backend_lines.ts";

const bytes = (text: string) =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

Deno.test("lineText never holds what would end a line", () => {
  assert.equal(lineText(bytes("a\rb\0c\nd")), "a b c d");
  assert.equal(lineText(bytes("caf\u00c3\u00a9\u00ff")), "café\ufffd");
});
