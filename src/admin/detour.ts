/** What requests meet while another process takes over, and afterwards. */
import type { ChangeGate } from "../control/takeover/change_gate.ts";
import type {
  CarriedRequest,
  CarriedResponse,
} from "../control/takeover/messages.ts";
import { changes, type Method } from "./route.ts";

export interface Detour {
  readonly gate: ChangeGate;
  /** Have a request answered by the process that has taken over. */
  carry(request: CarriedRequest): Promise<CarriedResponse>;
}

/** The request that starts a takeover must not wait for its end at the gate. */
export const UPGRADE_PATH = "/upgrade";

/** Answer a request here, or by the process that has taken over. */
export async function pass(
  { gate, carry }: Detour,
  request: Request,
  peer: string,
  here: () => Promise<Response>,
  /** What may be of any size is not carried. */
  isStreamed: boolean,
): Promise<Response> {
  const elsewhere = async () =>
    isStreamed
      ? connectAnew()
      : openResponse(await carry(await packRequest(request, peer)));
  if (gate.elsewhere) return await elsewhere();
  const isChange = changes({ method: request.method as Method }) &&
    request.method !== "HEAD";
  return isChange && new URL(request.url).pathname !== UPGRADE_PATH
    ? await gate.change(here, elsewhere)
    : await here();
}

/** The next connection reaches the other process. */
function connectAnew(): Response {
  return new Response("another process has taken over: connect again\n", {
    status: 503,
    headers: { connection: "close", "retry-after": "0" },
  });
}

async function packRequest(
  request: Request,
  peer: string,
): Promise<CarriedRequest> {
  const { method, url, headers } = request;
  const body = new Uint8Array(await request.arrayBuffer()).toBase64();
  return { method, url, headers: [...headers], body, peer };
}

export function openRequest(carried: CarriedRequest): Request {
  const { method, url, headers, body } = carried;
  return new Request(url, {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === "" ? {} : { body: Uint8Array.fromBase64(body) }),
  });
}

export async function packResponse(
  response: Response,
): Promise<CarriedResponse> {
  const { status, headers } = response;
  const body = new Uint8Array(await response.arrayBuffer()).toBase64();
  return { status, headers: [...headers], body };
}

/** The client's next request had better be on a connection to the other process. */
function openResponse({ status, headers, body }: CarriedResponse): Response {
  const response = new Response(
    body === "" ? null : Uint8Array.fromBase64(body),
    {
      status,
      headers: headers.map(([name, value]): [string, string] => [name, value]),
    },
  );
  response.headers.set("connection", "close");
  return response;
}
