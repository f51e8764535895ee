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
    checkOwn(type);
    if (!isWithinIdLimit(type)) throw invalidParam("The type may have at most 255 bytes.");
    const content: JsonObject = await call.json();
    await database.write((transaction) => accountData.set(transaction, userId, room, type, content));
    return {};
  }

  /** MSC3391, as PUT of `{}`. */
  async function remove(call: Call): Promise<Answer> {
    const userId = ownUser(call);
    const type = call.params["type"] ?? "";
    const room = roomOf(call);
    checkOwn(type);
    await database.write((transaction) => {
      if (accountData.get(userId, room, type)) accountData.set(transaction, userId, room, type, {});
    });
    return {};
  }

  const user = "user/:userId";
  return [`${user}/account_data/:type`, `${user}/rooms/:roomId/account_data/:type`].flatMap(
    (end): Route[] => [
      { method: "GET", path: `/_matrix/client/v3/${end}`, access: "member", handle: get },
      { method: "PUT", path: `/_matrix/client/v3/${end}`, access: "reading", handle: put },
      {
        method: "DELETE",
        path: `/_matrix/client/unstable/org.matrix.msc3391/${end}`,
        access: "reading",
        handle: remove,
      },
    ],
  );
}

function checkOwn(type: string): void {
  if (serverTypes.has(type)) {
    throw new MatrixError(405, "M_BAD_JSON", `${type} cannot be set here: the server keeps it itself.`);
  }
}
