import assert from "node:assert/strict";
import type { User } from "../../apps/matrix/fixture.ts";
import type { Driver } from "./drive.ts";

/** What tells of rooms to those who are not in them, and what puts one in another's place. */
export async function replaceRoom(
  driver: Driver,
  { ada, ben }: Record<"ada" | "ben", User>,
  roomId: string,
): Promise<void> {
  const drive: Driver["drive"] = (...request) => driver.drive(...request);
  const mail = {
    medium: "email",
    address: "ben@example.org",
    id_server: "example.org",
    id_access_token: "x",
  };
  await drive("POST", "/v3/rooms/{roomId}/invite", { roomId }, { as: ada, status: 403, body: mail });
  const creation_content = { type: "m.space" };
  const body = { preset: "public_chat", name: "House", creation_content };
  const space = (await drive("POST", "/v3/createRoom", {}, { as: ada, body })).body.room_id as string;
  await drive(
    "PUT",
    "/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    { roomId: space, eventType: "m.space.child", stateKey: roomId },
    { as: ada, body: { via: ["burrow.localhost"], order: "a" } },
  );
  const hierarchy = "/v1/rooms/{roomId}/hierarchy";
  const page = await drive("GET", hierarchy, { roomId: space }, { as: ada, query: { limit: "1" } });
  const from = page.body.next_batch as string;
  const rest = await drive("GET", hierarchy, { roomId: space }, { as: ada, query: { from } });
  assert.deepEqual(rest.body.rooms[0].room_id, roomId);
  await drive("GET", hierarchy, { roomId: space }, { as: ben, status: 400, query: { from: "unknown" } });
  await drive("GET", hierarchy, { roomId: "!none:burrow.localhost" }, { as: ben, status: 403 });
  await drive("GET", "/v1/room_summary/{roomIdOrAlias}", { roomIdOrAlias: space }, { as: ben });
  const none = { roomIdOrAlias: "#none:burrow.localhost" };
  await drive("GET", "/v1/room_summary/{roomIdOrAlias}", none, { as: ben, status: 404 });
  await drive("GET", "/v1/mutual_rooms", {}, { as: ada, query: { user_id: ben.userId } });
  await drive("GET", "/v1/mutual_rooms", {}, { as: ada, status: 400, query: { user_id: ada.userId } });

  const upgrade = "/v3/rooms/{roomId}/upgrade";
  await drive("POST", upgrade, { roomId }, { as: ada, status: 400, body: { new_version: "none" } });
  await drive("POST", upgrade, { roomId }, { as: ben, status: 403, body: { new_version: "12" } });
  const { body: made } = await drive("POST", upgrade, { roomId }, { as: ada, body: { new_version: "12" } });
  const next = { roomId: made.replacement_room as string };
  driver.checkEvents((await drive("GET", "/v3/rooms/{roomId}/state", next, { as: ada })).body);
  driver.checkEvents((await drive("GET", "/v3/rooms/{roomId}/state", { roomId }, { as: ada })).body);
  await drive("GET", "/v3/publicRooms", {}, { as: ada });
  await drive("POST", "/v3/publicRooms", {}, { as: ada, body: {} });
}
