import type { JsonObject } from "../events/event.ts";
import { isWithinIdLimit } from "../events/identifiers.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { badJson, invalidParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { ownRoom, ownUser } from "./own-data.ts";
import { isObject } from "./read-body.ts";

/** Tags are the room account data `m.tag`, changed one at a time (specification §Room Tagging). */
export function tagsRoutes(matrix: MatrixContext): Route[] {
  const { accountData, database } = matrix;

  function tagsOf(userId: string, room: number): JsonObject {
    // A client may also write m.tag whole, and then it may be anything.
    const tags = accountData.get(userId, room, "m.tag")?.["tags"];
    return isObject(tags) ? tags : {};
  }

  function list(call: Call): Answer {
    return { tags: tagsOf(ownUser(call), ownRoom(matrix, call).nid) };
  }

  async function put(call: Call): Promise<Answer> {
    const userId = ownUser(call);
    const room = ownRoom(matrix, call).nid;
    const tag = call.params["tag"] ?? "";
    if (!isWithinIdLimit(tag)) throw invalidParam("A tag may have at most 255 bytes.");
    const content = await call.json({ mayBeEmpty: true });
    const { order } = content;
    if (order !== undefined && typeof order !== "number") throw badJson("order must be a number.");
    await database.write((transaction) => {
      const tags = { ...tagsOf(userId, room), [tag]: content };
      accountData.set(transaction, userId, room, "m.tag", { tags });
    });
    return {};
  }

  async function remove(call: Call): Promise<Answer> {
    const userId = ownUser(call);
    const room = ownRoom(matrix, call).nid;
    const tag = call.params["tag"] ?? "";
    await database.write((transaction) => {
      const tags = tagsOf(userId, room);
      if (!Object.hasOwn(tags, tag)) return;
      const { [tag]: _, ...others } = tags;
      accountData.set(transaction, userId, room, "m.tag", { tags: others });
    });
    return {};
  }

  const path = "/_matrix/client/v3/user/:userId/rooms/:roomId/tags";
  return [
    { method: "GET", path, access: "member", handle: list },
    { method: "PUT", path: `${path}/:tag`, access: "reading", handle: put },
    { method: "DELETE", path: `${path}/:tag`, access: "reading", handle: remove },
  ];
}
