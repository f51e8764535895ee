import { isUserId } from "../events/identifiers.ts";
import { invalidParam } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { Call, Route } from "../route.ts";

const page = 100;

/** The rooms that somebody is in together with another user; in an older form too, which is what clients ask for yet (MSC2666). */
export function mutualRoomsRoutes(matrix: MatrixContext): Route[] {
  function find(call: Call, token: string): { joined: string[]; count: number; next?: string } {
    const { userId } = call.requester;
    const other = call.query.get("user_id");
    if (other === null || !isUserId(other)) throw invalidParam("user_id must be a user id: @name:server.");
    if (other === userId) throw invalidParam("user_id is your own: you share all your rooms with yourself.");
    const from = call.query.get(token) ?? "m0";
    if (!/^m\d{1,15}$/.test(from)) throw invalidParam(`${token} is no token that this server gave out.`);
    const found = matrix.memberships.mutualRooms(userId, other, Number(from.slice(1)), page + 1);
    const shown = found.slice(0, page);
    const last = shown.at(-1);
    return {
      joined: shown.map(({ roomId }) => roomId),
      count: matrix.memberships.countMutualRooms(userId, other),
      ...(found.length > page && last && { next: `m${last.nid}` }),
    };
  }
  return [
    {
      method: "GET",
      path: "/_matrix/client/v1/mutual_rooms",
      access: "member",
      handle: (call) => {
        const { next, ...found } = find(call, "from");
        return { ...found, ...(next !== undefined && { next_batch: next }) };
      },
    },
    {
      method: "GET",
      path: "/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms",
      access: "member",
      handle: (call) => {
        const { next, ...found } = find(call, "batch_token");
        return { ...found, ...(next !== undefined && { next_batch_token: next }) };
      },
    },
  ];
}
