import {
  HEARTBEAT_HEADER,
  HEARTBEAT_MAX_BYTES,
  HEARTBEAT_PATH,
  type HeartbeatAnswer,
  parseHeartbeat,
} from "../../shared/heartbeat.ts";
import type { Visit } from "../visit.ts";
import { judgeStamp, readOrder, refuseOrder } from "./believe-order.ts";

/** Takes the origin's sign of life (E10), and with it the panic level there. Undefined for every other request. */
export async function takeHeartbeat(visit: Visit): Promise<Response | undefined> {
  const { request, url, edge, env } = visit;
  const field = request.headers.get(HEARTBEAT_HEADER);
  if (url.pathname !== HEARTBEAT_PATH || request.method !== "POST" || field === null) return undefined;
  const believed = await readOrder("heartbeat", field, request.body, { edge, maxBytes: HEARTBEAT_MAX_BYTES });
  const beat = believed && parseHeartbeat(believed.text);
  if (believed === undefined || beat === undefined) return refuseOrder(visit);
  const time = Date.now();
  const heard = judgeStamp(believed.stamp, edge) === undefined;
  if (heard) {
    await env.SENTINEL.getByName("edge").beat(beat.panic);
    edge.panic.told = beat.panic;
    edge.panic.kept = beat.panic;
  }
  return Response.json({ heard, time } satisfies HeartbeatAnswer);
}
