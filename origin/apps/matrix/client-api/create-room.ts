import type { JsonObject } from "../events/event.ts";
import { roomVersions, type RoomVersion } from "../events/room-version.ts";
import { badJson, invalidParam, MatrixError } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { createRoom, type InitialState, type Preset, type RoomRequest } from "../rooms/create-room.ts";
import type { Route } from "../route.ts";
import { noThirdPartyInvites } from "./inviting.ts";
import { readVisibility, requireOpenDirectory } from "./list-public-rooms.ts";
import {
  isObject,
  optionalArray,
  optionalBoolean,
  optionalObject,
  optionalString,
  optionalStrings,
  requireObject,
  requireString,
} from "./read-body.ts";

/** A room is made in one write, during which nobody else's is done. */
const mostInitialState = 500;

export function createRoomRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/createRoom",
      access: "member",
      limit: "rooms",
      handle: async (call) => {
        const body = await call.json({ mayBeEmpty: true });
        const isPublic = readVisibility(body) === "public";
        if (isPublic) requireOpenDirectory(matrix);
        const request = readRequest(matrix, body, call.requester.userId);
        if (request.invite.length > 0) call.spend("invites", request.invite.length);
        return matrix.database.write((transaction) => {
          const room = createRoom(matrix, transaction, request);
          if (isPublic) matrix.roomDirectory.set(transaction, room, true);
          return { room_id: room.roomId };
        });
      },
    },
  ];
}

function readRequest(matrix: MatrixContext, body: JsonObject, creator: string): RoomRequest {
  if (optionalArray(body, "invite_3pid")?.length) {
    throw noThirdPartyInvites();
  }
  return {
    creator,
    version: findVersion(optionalString(body, "room_version") ?? matrix.config.matrix.defaultRoomVersion),
    preset: readPreset(body),
    creationContent: optionalObject(body, "creation_content") ?? {},
    powerLevelOverride: optionalObject(body, "power_level_content_override") ?? {},
    initialState: readInitialState(body),
    aliasName: optionalString(body, "room_alias_name"),
    name: optionalString(body, "name"),
    topic: optionalString(body, "topic"),
    invite: optionalStrings(body, "invite") ?? [],
    isDirect: optionalBoolean(body, "is_direct") ?? false,
  };
}

/** Throws 400 M_UNSUPPORTED_ROOM_VERSION. */
export function findVersion(id: string): RoomVersion {
  const version = roomVersions.get(id);
  if (!version) {
    throw new MatrixError(
      400,
      "M_UNSUPPORTED_ROOM_VERSION",
      `This server makes rooms of version ${[...roomVersions.keys()].join(", ")}, not ${id}.`,
    );
  }
  return version;
}

function readPreset(body: JsonObject): Preset {
  // Without a preset the visibility decides.
  const preset =
    optionalString(body, "preset") ?? (readVisibility(body) === "public" ? "public_chat" : "private_chat");
  if (preset !== "private_chat" && preset !== "public_chat" && preset !== "trusted_private_chat") {
    throw badJson("preset must be private_chat, public_chat or trusted_private_chat.");
  }
  return preset;
}

function readInitialState(body: JsonObject): InitialState[] {
  const list = optionalArray(body, "initial_state") ?? [];
  if (list.length > mostInitialState) {
    throw invalidParam(`initial_state may hold at most ${mostInitialState} events.`);
  }
  return list.map((item) => {
    if (!isObject(item)) throw badJson("initial_state must be a list of events.");
    return {
      type: requireString(item, "type"),
      stateKey: optionalString(item, "state_key") ?? "",
      content: requireObject(item, "content"),
    };
  });
}
