import type { Fixture, User } from "../../apps/matrix/fixture.ts";
import type { Driver } from "./drive.ts";

/** Reports, whois, suspension and lock, by the owner and by members. */
export async function driveModeration(driver: Driver, fixture: Fixture, ada: User, ben: User): Promise<void> {
  const drive: Driver["drive"] = (...request) => driver.drive(...request);
  const keeper = await fixture.user("keeper");
  const { room_id: roomId } = (await drive("POST", "/v3/createRoom", {}, { as: ada, body: {} })).body;
  const sent = await drive(
    "PUT",
    "/v3/rooms/{roomId}/send/{eventType}/{txnId}",
    { roomId, eventType: "m.room.message" },
    { as: ada, body: { msgtype: "m.text", body: "hello" } },
  );
  const room = { roomId, eventId: sent.body.event_id as string };
  const reason = { reason: "this makes me sad" };
  await drive("POST", "/v3/rooms/{roomId}/report", room, { as: ada, body: reason });
  await drive("POST", "/v3/rooms/{roomId}/report", room, { as: ben, body: reason, status: 404 });
  await drive("POST", "/v3/rooms/{roomId}/report/{eventId}", room, { as: ada, body: reason });
  await drive("POST", "/v3/rooms/{roomId}/report/{eventId}", room, { as: ben, body: reason, status: 404 });
  const subject = { userId: ben.userId };
  await drive("POST", "/v3/users/{userId}/report", subject, { as: ada, body: reason });
  const nobody = { userId: "@nobody:burrow.localhost" };
  await drive("POST", "/v3/users/{userId}/report", nobody, { as: ada, body: reason, status: 404 });
  await drive("GET", "/v3/admin/whois/{userId}", subject, { as: ben });
  for (const [path, key] of [
    ["/v1/admin/suspend/{userId}", "suspended"],
    ["/v1/admin/lock/{userId}", "locked"],
  ] as const) {
    await drive("PUT", path, subject, { as: keeper, body: { [key]: false } });
    await drive("GET", path, subject, { as: keeper });
    await drive("GET", path, subject, { as: ada, status: 403 });
    await drive("GET", path, nobody, { as: keeper, status: 404 });
    await drive(
      "PUT",
      path,
      { userId: "@x:example.org" },
      { as: keeper, status: 400, body: { [key]: true } },
    );
  }
}
