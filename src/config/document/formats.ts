/** From the body of a request, in one of several formats, to a document. */
import JSON5 from "json5";
import { parse, TomlError } from "smol-toml";
import { tomlFault } from "../toml_fault.ts";
import { DocumentError } from "./error.ts";
import { type Json, toJson } from "./json.ts";
import { refuseAmbiguous } from "./unambiguous.ts";

const FORMATS: Readonly<Record<string, (text: string) => Json>> = {
  "application/json": parseJson,
  "application/json5": parseJson5,
  "text/json5": parseJson5,
  "application/toml": parseToml,
  "text/toml": parseToml,
};

/** The content types that `readDocument` takes. */
export const documentTypes = Object.keys(FORMATS) as [string, ...string[]];

/**
 * Reads a text by its content type, whose parameters do not count; JSON where there is none.
 * DocumentError "unsupported" with the list of types, "invalid" for a text that does not parse.
 */
export function readDocument(contentType: string | null, text: string): Json {
  const given = contentType ?? "application/json";
  const type = given.split(";", 1)[0]!.trim().toLowerCase();
  if (!Object.hasOwn(FORMATS, type)) {
    throw new DocumentError(
      "unsupported",
      `unsupported content type: must be one of ${documentTypes.join(", ")}`,
    );
  }
  return FORMATS[type]!(text);
}

/** Strict JSON: no name twice, nothing nested too deep, no number out of range. DocumentError (invalid). */
export function parseJson(text: string): Json {
  refuseEmpty(text);
  refuseAmbiguous(text, (token) => literal(() => JSON.parse(token)));
  try {
    return toJson(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // What stands before the place quotes the text.
    const place = /\(line \d+ column \d+\)$/.exec(error.message)?.[0];
    throw unparsable("JSON", place ?? placeOfFault(text));
  }
}

function parseJson5(text: string): Json {
  refuseEmpty(text);
  refuseAmbiguous(
    text,
    (token) => literal(() => Object.keys(JSON5.parse(`{${token}:0}`))[0]),
  );
  try {
    return toJson(JSON5.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unparsable("JSON5", placeIn(error));
  }
}

/** The parser for JSON often keeps it to itself; what is no JSON5 either is wrong at the same place. */
function placeOfFault(text: string): string | undefined {
  try {
    JSON5.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return placeIn(error);
  }
  return undefined;
}

function placeIn(error: SyntaxError): string {
  const { lineNumber, columnNumber } = error as SyntaxError & {
    lineNumber?: number;
    columnNumber?: number;
  };
  return `(line ${lineNumber} column ${columnNumber})`;
}

/** What an upload that failed leaves. */
function refuseEmpty(text: string): void {
  if (text.trim() === "") {
    throw new DocumentError("invalid", "the body is empty");
  }
}

function parseToml(text: string): Json {
  try {
    return toJson(parse(text.replace(/^\ufeff/, "")));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new DocumentError(
      "invalid",
      `line ${error.line}: ${tomlFault(error)}`,
    );
  }
}

/** What a token that is a name stands for; one that is malformed, for itself, until the parser comes. */
function literal(read: () => unknown): string {
  try {
    return String(read());
  } catch {
    return "";
  }
}

function unparsable(format: string, place = "") {
  return new DocumentError("invalid", `not valid ${format} ${place}`.trim());
}
