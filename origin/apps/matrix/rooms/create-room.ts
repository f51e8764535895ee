import { randomBytes } from "node:crypto";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { isUserId } from "../events/identifiers.ts";
import type { RoomVersion } from "../events/room-version.ts";
import { badJson, MatrixError } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { aliasOf } from "./aliases.ts";
import { setMembership } from "./membership.ts";
import type { Room } from "./room.ts";
import { setState } from "./state.ts";

export type Preset = "private_chat" | "public_chat" | "trusted_private_chat";

export interface RoomRequest {
  readonly creator: string;
  readonly version: RoomVersion;
  readonly preset: Preset;
  readonly creationContent: JsonObject;
  readonly powerLevelOverride: JsonObject;
  readonly initialState: readonly InitialState[];
  readonly aliasName: string | undefined;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly invite: readonly string[];
  readonly isDirect: boolean;
}

export interface InitialState {
  readonly type: string;
  readonly stateKey: string;
  readonly content: JsonObject;
}

/** createRoom's table of presets. */
const presets: Readonly<Record<Preset, { joinRule: string; guestAccess: string; inviteLevel: number }>> = {
  private_chat: { joinRule: "invite", guestAccess: "can_join", inviteLevel: 0 },
  trusted_private_chat: { joinRule: "invite", guestAccess: "can_join", inviteLevel: 0 },
  public_chat: { joinRule: "public", guestAccess: "forbidden", inviteLevel: 50 },
};

/**
 * Makes a room, its events in the order of the specification's §createRoom, all inside the one write: whatever is
 * refused on the way, nothing of the room remains. Each event is judged by the room's rules like any other.
 */
export function createRoom(matrix: MatrixContext, transaction: Transaction, request: RoomRequest): Room {
  const { creator, version } = request;
  const invited = [...new Set(request.invite)];
  const trusted = request.preset === "trusted_private_chat" ? invited : [];
  const given = new Map(request.initialState.map((state) => [`${state.type}\0${state.stateKey}`, state]));
  const powerLevels = "m.room.power_levels\0";

  const beginning = { creator, version, content: request.creationContent, trusted };
  const room = beginRoom(matrix, transaction, beginning);
  const send = (type: string, content: JsonObject, stateKey = ""): void =>
    void setState(matrix, transaction, room, { type, stateKey, sender: creator, content });

  send("m.room.power_levels", {
    ...(given.get(powerLevels)?.content ?? defaultPowerLevels(request, trusted)),
    ...request.powerLevelOverride,
  });
  if (request.aliasName !== undefined) send("m.room.canonical_alias", { alias: claimAlias() });
  const { joinRule, guestAccess } = presets[request.preset];
  for (const [type, content] of [
    ["m.room.join_rules", { join_rule: joinRule }],
    ["m.room.history_visibility", { history_visibility: "shared" }],
    ["m.room.guest_access", { guest_access: guestAccess }],
  ] as const) {
    if (!given.has(`${type}\0`)) send(type, content);
  }
  for (const [key, state] of given) {
    if (key !== powerLevels) send(state.type, state.content, state.stateKey);
  }
  if (request.name !== undefined) send("m.room.name", { name: request.name });
  if (request.topic !== undefined) {
    send("m.room.topic", {
      topic: request.topic,
      "m.topic": { "m.text": [{ mimetype: "text/plain", body: request.topic }] },
    });
  }
  for (const target of invited) {
    setMembership(matrix, transaction, room, {
      sender: creator,
      target,
      content: { membership: "invite", ...(request.isDirect && { is_direct: true }) },
    });
  }
  return room;

  function claimAlias(): string {
    const alias = aliasOf(matrix, request.aliasName ?? "");
    if (!matrix.aliases.add(transaction, { alias, room: room.nid, creator })) {
      throw new MatrixError(400, "M_ROOM_IN_USE", `The room alias ${alias} is taken.`);
    }
    return alias;
  }
}

/** What a room begins with. */
export interface RoomBeginning {
  readonly creator: string;
  readonly version: RoomVersion;
  /** Of the create event; what the server has to say itself is set or replaced. */
  readonly content: JsonObject;
  /** From version 12 on creators like the first; before without effect. */
  readonly trusted: readonly string[];
}

/** The first two events, from which on the rules of the room's version hold: its making, and its creator's joining. */
export function beginRoom(matrix: MatrixContext, transaction: Transaction, beginning: RoomBeginning): Room {
  const { creator, version } = beginning;
  const room = matrix.append.create(
    transaction,
    version,
    { type: "m.room.create", stateKey: "", sender: creator, content: creationContent(beginning) },
    () => `!${randomBytes(18).toString("base64url")}:${matrix.config.serverName}`,
  );
  setMembership(matrix, transaction, room, {
    sender: creator,
    target: creator,
    content: { membership: "join" },
  });
  return room;
}

function creationContent(beginning: RoomBeginning): JsonObject {
  const { creator, version, trusted } = beginning;
  const { creator: _, ...given } = beginning.content;
  const content: JsonObject = {
    ...given,
    room_version: version.id,
    ...(!version.creatorIsSender && { creator }),
  };
  // Before version 12 it means nothing, and may be anything.
  if (version.privilegedCreators) {
    const named = given["additional_creators"] ?? [];
    if (!Array.isArray(named) || !named.every(isUserId)) {
      throw badJson("additional_creators must be a list of user ids.");
    }
    if (trusted.length > 0) {
      content["additional_creators"] = [...new Set([...named, ...trusted])].filter(
        (user) => user !== creator,
      );
    }
  }
  return content;
}

function defaultPowerLevels(request: RoomRequest, trusted: readonly string[]): JsonObject {
  const { creator, preset, version } = request;
  // From version 12 on creators stand above all levels and must not be listed (MSC4289).
  const users = version.privilegedCreators ? [] : [creator, ...trusted];
  return {
    ban: 50,
    events: {
      "m.room.avatar": 50,
      "m.room.canonical_alias": 50,
      "m.room.encryption": 100,
      "m.room.history_visibility": 100,
      "m.room.name": 50,
      "m.room.power_levels": 100,
      "m.room.server_acl": 100,
      // Above everyone but the creators: replacing the room is theirs alone.
      "m.room.tombstone": version.privilegedCreators ? 150 : 100,
    },
    events_default: 0,
    invite: presets[preset].inviteLevel,
    kick: 50,
    redact: 50,
    state_default: 50,
    users: Object.fromEntries(users.map((user) => [user, 100])),
    users_default: 0,
  };
}
