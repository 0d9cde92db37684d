/** The columns of `show stat`, in HAProxy's order; a position is an index into them. */
import {
  COUNTER,
  type FieldKind,
  GAUGE,
  LIMIT,
  MOST,
  RATE,
} from "./stat_fields.ts";

/** All of them, those without a meaning for a mail proxy too: scrapers count columns. */
export const COLUMNS: readonly string[] = (
  "pxname svname qcur qmax scur smax slim stot bin bout dreq dresp ereq econ eresp wretr wredis " +
  "status weight act bck chkfail chkdown lastchg downtime qlimit pid iid sid throttle lbtot " +
  "tracked type rate rate_lim rate_max check_status check_code check_duration hrsp_1xx hrsp_2xx " +
  "hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other hanafail req_rate req_rate_max req_tot cli_abrt srv_abrt " +
  "comp_in comp_out comp_byp comp_rsp lastsess last_chk last_agt qtime ctime rtime ttime " +
  "agent_status agent_code agent_duration check_desc agent_desc check_rise check_fall check_health " +
  "agent_rise agent_fall agent_health addr cookie mode algo conn_rate conn_rate_max conn_tot " +
  "intercepted dcon dses wrew connect reuse cache_lookups cache_hits srv_icur src_ilim qtime_max " +
  "ctime_max rtime_max ttime_max eint idle_conn_cur safe_conn_cur used_conn_cur need_conn_est " +
  "uweight agg_server_status agg_server_check_status agg_check_status"
).split(" ");

const NAME: FieldKind = { tags: "KNS", type: "str" };
const NUMBER: FieldKind = { tags: "KGS", type: "u32" };
const SETTING: FieldKind = { tags: "CGS", type: "str" };
const AGE: FieldKind = { tags: "MAP", type: "u32" };

/** The columns that are filled. */
export const KINDS = {
  pxname: NAME,
  svname: NAME,
  scur: GAUGE,
  smax: MOST,
  slim: LIMIT,
  stot: COUNTER,
  bin: COUNTER,
  bout: COUNTER,
  dreq: COUNTER,
  ereq: COUNTER,
  econ: COUNTER,
  eresp: COUNTER,
  status: { tags: "SGP", type: "str" },
  weight: { tags: "MaP", type: "u32" },
  act: GAUGE,
  bck: GAUGE,
  chkfail: COUNTER,
  chkdown: COUNTER,
  lastchg: AGE,
  downtime: { tags: "MCP", type: "u32" },
  pid: { tags: "KGP", type: "u32" },
  iid: NUMBER,
  sid: NUMBER,
  lbtot: COUNTER,
  type: { tags: "CGS", type: "u32" },
  rate: RATE,
  rate_max: MOST,
  lastsess: { tags: "MAP", type: "s32" },
  addr: SETTING,
  mode: SETTING,
  conn_rate: RATE,
  conn_rate_max: MOST,
  conn_tot: COUNTER,
  dcon: COUNTER,
  eint: COUNTER,
} satisfies Readonly<Record<string, FieldKind>>;

export type ColumnName = keyof typeof KINDS;
