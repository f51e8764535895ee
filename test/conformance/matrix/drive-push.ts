import assert from "node:assert/strict";
import type { User } from "../../apps/matrix/fixture.ts";
import type { Driver } from "./drive.ts";

/** Push rules, pushers, and what has notified somebody. */
export async function drivePush(driver: Driver, ada: User, notifiedUser: User): Promise<void> {
  const drive: Driver["drive"] = (...request) => driver.drive(...request);
  await drive("GET", "/v3/pushrules/", {}, { as: ada });
  await drive("GET", "/v3/pushrules/global/", {}, { as: ada });
  const rule = { kind: "content", ruleId: "supper" };
  const one = "/v3/pushrules/global/{kind}/{ruleId}";
  await drive("PUT", one, rule, { as: ada, body: { pattern: "supper", actions: ["notify"] } });
  await drive("GET", one, rule, { as: ada });
  await drive("PUT", `${one}/enabled`, rule, { as: ada, body: { enabled: false } });
  await drive("GET", `${one}/enabled`, rule, { as: ada });
  await drive("PUT", `${one}/actions`, rule, { as: ada, body: { actions: [] } });
  await drive("GET", `${one}/actions`, rule, { as: ada });
  await drive("DELETE", one, rule, { as: ada });
  await drive("GET", one, rule, { as: ada, status: 404 });
  const pusher = { app_id: "org.example.app", pushkey: "key" };
  const described = { app_display_name: "App", device_display_name: "Phone", lang: "en" };
  const data = { url: "https://push.example.org/_matrix/push/v1/notify", format: "event_id_only" };
  const set = "/v3/pushers/set";
  await drive("POST", set, {}, { as: ada, body: { ...pusher, ...described, kind: "http", data } });
  await drive("POST", set, {}, { as: ada, status: 400, body: { ...pusher, kind: "http" } });
  await drive("GET", "/v3/pushers", {}, { as: ada });
  await drive("POST", set, {}, { as: ada, body: { ...pusher, kind: null } });
  const room = { preset: "private_chat", invite: [notifiedUser.userId] };
  await drive("POST", "/v3/createRoom", {}, { as: ada, body: room });
  const notified = await drive("GET", "/v3/notifications", {}, { as: notifiedUser, query: { limit: "5" } });
  assert.ok(notified.body.notifications.length > 0, "an invitation is one");
}
