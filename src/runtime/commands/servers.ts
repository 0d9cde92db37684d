/** `show servers` and `show backend`: destinations and their legs. */
import type {
  DestinationTraffic,
  LegTraffic,
  TrafficView,
} from "../../control/api_traffic.ts";
import { isAddress } from "../../net/address.ts";
import { legName } from "../../port/leg_name.ts";
import { type Command, CommandError, type Invocation } from "../command.ts";

const STATE_COLUMNS =
  "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
  "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state " +
  "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl " +
  "srv_check_port srv_check_addr srv_agent_addr srv_agent_port";

/** HAProxy's `srv_op_state`. */
const STOPPED = 0;
const RUNNING = 2;
/** HAProxy's `srv_admin_state`: forced maintenance, forced drain. */
const ADMIN_STATES = { ready: 0, maint: 1, drain: 8 };

export const serverCommands: readonly Command[] = [
  {
    words: ["show", "backend"],
    level: "user",
    help: "list destinations in the current running config",
    run: async ({ control }) => {
      const { destinations } = await control.traffic.traffic();
      return "# name\n" +
        destinations.map(({ destination }) => `${destination}\n`).join("");
    },
  },
  {
    words: ["show", "servers", "state"],
    args: [{ text: "<dest>", optional: true }],
    level: "user",
    help: "dump volatile information of legs (all or of a single destination)",
    description:
      "HAProxy's format, version 1; a leg is a server named by its protocol. What has no meaning here is 0 or `-`.",
    run: ({ control, dialogue, args }) =>
      dump(control, args[0], "1\n# " + STATE_COLUMNS, (leg, place) => {
        const isShown = dialogue.level !== "user";
        const address = isShown && isAddress(leg.host) ? leg.host : "-";
        const name = isShown && !isAddress(leg.host) ? leg.host : "-";
        const state = leg.isDown || leg.wanted === "maint" ? STOPPED : RUNNING;
        const ids = [place.id, place.destination, place.legId, leg.protocol];
        return [
          ...[...ids, address, state, ADMIN_STATES[leg.wanted], 1, 1],
          ...[leg.changedSeconds, 0, 0, 0, 0, 0, 0, 0],
          ...[name, leg.port, "-", leg.tls === "plain" ? 0 : 1, 0, "-", "-", 0],
        ];
      }),
  },
  {
    words: ["show", "servers", "conn"],
    args: [{ text: "<dest>", optional: true }],
    level: "user",
    help: "dump connections of legs (all or of a single destination)",
    description:
      "`used_cur` is the sessions now, `used_max` the most at once; the proxy keeps no idle connections to a leg.",
    run: ({ control, dialogue, args }) =>
      dump(
        control,
        args[0],
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur",
        (leg, { id, destination, legId }) => [
          ...[legName(destination, leg.protocol), `${id}/${legId}`],
          ...[dialogue.level === "user" ? "-" : leg.host, leg.port, "-", 0],
          ...[leg.now, leg.most, 0, 0, 0, 0, 0],
        ],
      ),
  },
];

interface Place {
  readonly id: number;
  readonly destination: string;
  readonly legId: number;
}

async function dump(
  { traffic }: Invocation["control"],
  wanted: string | undefined,
  head: string,
  columns: (leg: LegTraffic, place: Place) => readonly (string | number)[],
): Promise<string> {
  const view = await traffic.traffic();
  const chosen = numbered(view).filter(([destination]) =>
    wanted === undefined || destination.destination === wanted
  );
  if (wanted !== undefined && chosen.length === 0) {
    throw new CommandError("Can't find backend.");
  }
  const lines = chosen.flatMap(([{ destination, legs }, id]) =>
    legs.map((leg, i) =>
      columns(leg, { id, destination, legId: i + 1 }).join(" ")
    )
  );
  return [head, ...lines].map((line) => `${line}\n`).join("");
}

/** With the numbers that `show stat` has as `iid`. */
function numbered(
  { listeners, destinations }: TrafficView,
): [DestinationTraffic, number][] {
  return destinations.map((destination, i) => [
    destination,
    listeners.length + 1 + i,
  ]);
}
