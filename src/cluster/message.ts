/** What goes over the bus, as JSON. */
import { z } from "zod";

/** Others are not understood, and ignored. */
const VERSION = 1;

const from = {
  v: z.literal(VERSION),
  /** Of the process, new at each start. */
  from: z.string().max(64),
};

/** `hello`: the sender has just come, and would like to know who is there. */
const beat = z.object({
  ...from,
  kind: z.literal("beat"),
  node: z.string().max(200),
  version: z.string().max(100),
  /** Milliseconds since its start. */
  up: z.number(),
  sessions: z.number(),
  hello: z.boolean(),
});

const leave = z.object({ ...from, kind: z.literal("leave") });

const ask = z.object({
  ...from,
  kind: z.literal("ask"),
  id: z.number(),
  name: z.string(),
  argument: z.unknown(),
});

/** Of an `ask`, to whoever asked. */
const answer = z.object({
  ...from,
  kind: z.literal("answer"),
  id: z.number(),
  result: z.unknown(),
  failed: z.string().optional(),
});

const messageSchema = z.discriminatedUnion("kind", [beat, leave, ask, answer]);

export type Message = z.output<typeof messageSchema>;
export type Beat = z.output<typeof beat>;
export type Ask = z.output<typeof ask>;
export type Answer = z.output<typeof answer>;

type WithoutVersion<T> = T extends Message ? Omit<T, "v"> : never;

/** ASCII alone, so that a length in characters is one in bytes. */
export function encode(message: WithoutVersion<Message>): string {
  return JSON.stringify({ v: VERSION, ...message }).replaceAll(
    /[\u0080-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Null for what is no message of this version: others may use the channel. */
export function decode(text: string): Message | null {
  try {
    return messageSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
