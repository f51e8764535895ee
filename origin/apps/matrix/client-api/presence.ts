import type { MatrixContext } from "../matrix-context.ts";
import { badJson, forbidden, invalidParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { presenceContent, type PresenceState } from "../users/presence.ts";
import { ownUser } from "./own-data.ts";
import { requireString } from "./read-body.ts";

/** In UTF-16 units: a sentence. It goes to everyone with each change. */
const longestStatus = 1000;

/** As §Presence words it; 400 M_INVALID_PARAM for anything else. */
export function readPresenceState(text: string, key: string): PresenceState {
  if (text === "online" || text === "unavailable" || text === "offline") return text;
  throw invalidParam(`${key} must be online, unavailable or offline.`);
}

export function presenceRoutes(matrix: MatrixContext): Route[] {
  const { presence, memberships } = matrix;

  /** Only those who share a room see each other; who there is not is not told apart from a stranger. */
  function get(call: Call): Answer {
    const userId = call.params["userId"] ?? "";
    const own = userId === call.requester.userId;
    if (!own && !memberships.shareRoom(call.requester.userId, userId)) {
      throw forbidden("You can see the presence only of people with whom you share a room.");
    }
    const status = presence.statusOf(userId);
    return status ? presenceContent(status) : { presence: "offline" };
  }

  async function put(call: Call): Promise<Answer> {
    const userId = ownUser(call);
    const body = await call.json();
    const state = readPresenceState(requireString(body, "presence"), "presence");
    const message = Object.hasOwn(body, "status_msg") ? body["status_msg"] : undefined;
    if (message !== undefined && message !== null) {
      if (typeof message !== "string") throw badJson("status_msg must be a string.");
      if (message.length > longestStatus || !message.isWellFormed()) {
        throw invalidParam(`status_msg must be valid Unicode of at most ${longestStatus} characters.`);
      }
    }
    await presence.set(userId, call.requester.deviceId, state, message === "" ? null : message);
    return {};
  }

  const path = "/_matrix/client/v3/presence/:userId/status";
  return [
    { method: "GET", path, access: "member", handle: get },
    { method: "PUT", path, access: "member", handle: put },
  ];
}
