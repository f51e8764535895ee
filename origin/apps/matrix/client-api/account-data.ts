import type { JsonObject } from "../events/event.ts";
import { isWithinIdLimit } from "../events/identifiers.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, MatrixError, notFound } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { ownRoom, ownUser } from "./own-data.ts";

/** Types that the server writes itself, from other requests. */
const serverTypes = new Set(["m.fully_read", "m.push_rules"]);

export function accountDataRoutes(matrix: MatrixContext): Route[] {
  const { accountData, database, userRules } = matrix;

  const roomOf = (call: Call): number =>
    call.params["roomId"] === undefined ? 0 : ownRoom(matrix, call).nid;

  function get(call: Call): Answer {
    const userId = ownUser(call);
    const type = call.params["type"] ?? "";
    const room = roomOf(call);
    if (type === "m.push_rules" && room === 0) return userRules.ruleSetJson(userId);
    const content = accountData.get(userId, room, type);
    if (!content) throw notFound("There is no account data of this type.");
    return content;
  }

  async function put(call: Call): Promise<Answer> {
    const userId = ownUser(call);
    const type = call.params["type"] ?? "";
    const room = roomOf(call);
    if (serverTypes.has(type)) {
      throw new MatrixError(405, "M_BAD_JSON", `${type} cannot be set here: the server keeps it itself.`);
    }
    if (!isWithinIdLimit(type)) throw invalidParam("The type may have at most 255 bytes.");
    const content: JsonObject = await call.json();
    await database.write((transaction) => accountData.set(transaction, userId, room, type, content));
    return {};
  }

  const user = "/_matrix/client/v3/user/:userId";
  return [`${user}/account_data/:type`, `${user}/rooms/:roomId/account_data/:type`].flatMap(
    (path): Route[] => [
      { method: "GET", path, access: "member", handle: get },
      { method: "PUT", path, access: "reading", handle: put },
    ],
  );
}
