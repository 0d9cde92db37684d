/** Accounts moved as a whole: all their names, all their sessions, in one call. */
import { z } from "zod";
import type { MoveAnswer } from "../../control/api_moves.ts";
import {
  type Call,
  type CommandWords,
  defaultRefusals,
  route,
} from "../route.ts";
import { destination, moveAnswerSchema } from "../schemas.ts";

const { invalid, failed, "read-only": readOnly } = defaultRefusals;

const moveSchema = z.strictObject({
  accounts: z.array(z.strictObject({
    identifier: z.string(),
    aliases: z.array(z.string()).default([]),
  })).min(1),
  destination: z.string(),
  dry_run: z.boolean().default(false),
});

/** Results that make of the whole answer something else than 200. */
const STATUS: Readonly<Record<string, number>> = {
  "not-moved": 500,
  "put-back": 500,
  "unknown": 500,
  "overtaken": 409,
  "busy": 409,
  "changed": 409,
};

const outcomes = (conflict: string) => ({
  409: conflict,
  500:
    "A write failed: `problem` says why, each account what became of it (`put-back`, `not-moved`: its mapping is what it was; `unknown`: it may not be)",
});

const ANSWER =
  "For each account there is its `result`, where its names were mapped to before (`previous`, null: to nothing), where those are `now` that are not where they should be, and how many sessions were ended. In a cluster all proxies do it; `not_reached` is there where some have not answered within a second, with a line for each.";

export const accountRoutes = [
  route({
    method: "POST",
    path: "/accounts/move",
    summary: "Move accounts with all their names and sessions to a destination",
    description:
      `New logins of all names wait, the mappings are written, every cache forgets them, sessions on another server end, and who waited goes on to the destination. An account that is there already is left alone, so a call can be repeated. Where a write fails, what was written is put back. ${ANSWER} \`change\` is what undoes it.`,
    role: "operator",
    parameters: {},
    body: {
      summary:
        "The accounts, at most 10,000 names in all, and where they are to go",
      types: ["application/json"],
      schema: moveSchema,
    },
    form: "json",
    response: moveAnswerSchema,
    outcomes: outcomes(
      "Another call moves one of the accounts at this moment (`busy`: nothing was done), or somebody changed a mapping meanwhile (`overtaken`)",
    ),
    refusals: {
      invalid,
      unknown: {
        status: 400,
        summary: "The destination is not declared",
        text: "unknown destination",
      },
      "read-only": readOnly,
      failed,
    },
    cli: {
      verb: ["accounts", "move"],
      positional: ["identifier"],
      compose: {
        parameters: {
          identifier: {
            required: false,
            summary: "The account, as it logs in",
          },
          alias: {
            required: false,
            repeated: true,
            summary: "Another name that it logs in by",
          },
          list: {
            required: false,
            summary:
              "A file with an account on each line, its aliases behind it; `-` is standard input",
          },
          to: { required: true, summary: destination.summary },
          dry_run: {
            required: false,
            flag: true,
            summary: "Say what would be done, and do nothing",
          },
        },
        body: composeMove,
      },
    },
    async handle(call) {
      const { accounts, destination, dry_run } = call.body.value as z.output<
        typeof moveSchema
      >;
      const note = (
        more: Readonly<Record<string, string>> = {},
        result?: string,
      ) =>
        call.note({
          parameters: {
            ...{ destination, dry_run: String(dry_run), ...more },
            count: String(accounts.length),
            accounts: listed(call, accounts),
          },
          ...(result !== undefined && { result }),
        });
      note();
      const answer = await reachingAll(
        call,
        () =>
          call.control.moves.move({
            accounts,
            destination,
            dryRun: dry_run,
            by: call.by,
          }),
      );
      note({ change: answer.change ?? "none" }, summed(answer));
      return withStatus(call, answer);
    },
  }),
  route({
    method: "POST",
    path: "/accounts/move/{id}/undo",
    summary: "Restore the mappings that a move has changed",
    description:
      `In the same order as a move. Nothing is done where somebody has changed one of the mappings since; \`result\` says of which account. The last 1,000 moves are kept, over a restart where there is a \`[server] state_dir\`. ${ANSWER}`,
    role: "operator",
    parameters: {
      id: {
        schema: z.string(),
        required: true,
        summary: "The `change` that the move answered",
      },
    },
    form: "json",
    response: moveAnswerSchema,
    outcomes: outcomes(
      "A mapping was changed since (`changed`), or an account is being moved (`busy`), and nothing was done; or somebody changed a mapping meanwhile (`overtaken`)",
    ),
    refusals: {
      invalid: {
        status: 400,
        summary: "A destination of before is not declared any more",
      },
      unknown: {
        status: 404,
        summary: "No such move is kept",
        text: "unknown change",
      },
      conflict: { status: 409, summary: "It is undone already" },
      "read-only": readOnly,
      failed,
    },
    cli: { verb: ["accounts", "undo"], positional: ["id"] },
    async handle(call) {
      const answer = await reachingAll(
        call,
        () => call.control.moves.undo(call.values.id),
      );
      call.note({
        parameters: {
          count: String(answer.accounts.length),
          accounts: listed(call, answer.accounts),
        },
        result: summed(answer),
      });
      return withStatus(call, answer);
    },
  }),
];

type ReachingAnswer = MoveAnswer & {
  readonly not_reached?: readonly string[];
};

async function reachingAll(
  { control }: Pick<Call, "control">,
  job: () => Promise<MoveAnswer>,
): Promise<ReachingAnswer> {
  const { answer, unreached } = await control.cluster.reaching(job);
  return {
    ...answer,
    ...unreached.length > 0 && { not_reached: unreached },
  };
}

function withStatus(
  call: Pick<Call, "setStatus">,
  answer: ReachingAnswer,
): ReachingAnswer {
  const statuses = answer.accounts.map(({ result }) => STATUS[result] ?? 200);
  const refused = answer.accounts.some(({ result }) =>
    result === "busy" || result === "changed"
  );
  call.setStatus(refused ? 409 : Math.max(...statuses, 200));
  return answer;
}

/** Audit records are cut anyway. */
const MOST_LISTED = 20;

function listed(
  { shorten }: Pick<Call, "shorten">,
  accounts: readonly { readonly identifier: string }[],
): string {
  return accounts.slice(0, MOST_LISTED)
    .map(({ identifier }) => shorten(identifier)).join(" ");
}

/** `moved 48, unchanged 2`. */
function summed({ accounts }: MoveAnswer): string {
  return [...Map.groupBy(accounts, ({ result }) => result)]
    .map(([result, { length }]) => `${result} ${length}`).join(", ");
}

async function composeMove(
  { values, lists, read }: CommandWords,
): Promise<string> {
  const { identifier, list } = values;
  const aliases = lists["alias"] ?? [];
  const text = list === undefined ? "" : await read(list);
  const listed = text.replace(/^\uFEFF/, "").split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first !== "")
    .map(([first, ...others]) => ({ identifier: first!, aliases: others }));
  return JSON.stringify({
    accounts: [
      ...identifier === undefined ? [] : [{ identifier, aliases }],
      ...listed,
    ],
    destination: values["to"],
    dry_run: values["dry_run"] === "true",
  });
}
