import { vetUrl } from "../../../../shared/vet-url.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, missingParam, tooLarge } from "../matrix-error.ts";
import type { Pusher } from "../push/pushers.ts";
import type { Answer, Call, Route } from "../route.ts";
import { optionalBoolean, optionalObject, optionalString, requireString } from "./read-body.ts";

/** Bytes. */
const longestPushkey = 512;
/** Characters. */
const longestAppId = 64;
const longestText = 255;
const largestData = 8192;

const gatewayPath = "/_matrix/push/v1/notify";

export function pusherRoutes(matrix: MatrixContext): Route[] {
  const { database, pushers, config, now } = matrix;

  async function set(call: Call): Promise<Answer> {
    const body = await call.json();
    const { userId, deviceId } = call.requester;
    const appId = requireString(body, "app_id");
    const pushkey = requireString(body, "pushkey");
    checkLength("app_id", appId.length, longestAppId);
    checkLength("pushkey", Buffer.byteLength(pushkey), longestPushkey);
    if (!Object.hasOwn(body, "kind"))
      throw missingParam("kind is missing: http, or null to delete the pusher.");
    const kind = optionalString(body, "kind");
    if (kind === undefined) {
      await database.write((transaction) => pushers.remove(transaction, userId, appId, pushkey));
      return {};
    }
    if (kind !== "http") throw invalidParam("kind must be http, or null: there are no other pushers here.");
    const append = optionalBoolean(body, "append") ?? false;
    const read = readPusher(body, config.testing !== undefined);
    const pusher: Pusher = { userId, deviceId, appId, pushkey, ...read, setAt: now() };
    await database.write((transaction) => pushers.set(transaction, pusher, append));
    return {};
  }

  const path = "/_matrix/client/v3/pushers";
  return [
    {
      method: "GET",
      path,
      access: "member",
      handle: (call) => ({ pushers: pushers.of(call.requester.userId).map(toJson) }),
    },
    { method: "POST", path: `${path}/set`, access: "reading", handle: set },
  ];
}

type Described = Omit<Pusher, "userId" | "deviceId" | "appId" | "pushkey" | "setAt">;

function readPusher(body: JsonObject, testing: boolean): Described {
  const given = optionalObject(body, "data");
  const missing = ["app_display_name", "device_display_name", "lang"].filter(
    (key) => optionalString(body, key) === undefined,
  );
  if (!given) missing.push("data");
  if (!given || missing.length > 0) throw missingParam(`Missing parameters: ${missing.join(", ")}`);
  const { url: _, ...data } = given;
  if (Buffer.byteLength(JSON.stringify(given)) > largestData) {
    throw tooLarge(`data may have at most ${largestData} bytes.`);
  }
  const text = (key: string): string => {
    const value = requireString(body, key);
    checkLength(key, value.length, longestText);
    return value;
  };
  return {
    appDisplayName: text("app_display_name"),
    deviceDisplayName: text("device_display_name"),
    lang: text("lang"),
    profileTag: optionalString(body, "profile_tag") === undefined ? null : text("profile_tag"),
    url: readGatewayUrl(requireString(given, "url"), testing),
    data,
  };
}

function checkLength(key: string, length: number, most: number): void {
  if (length === 0 || length > most) throw invalidParam(`${key} must have 1 to ${most} characters.`);
}

/** Specification §POST /pushers/set: https, and this path. Whether it leads to the public internet is judged anew at each request. */
function readGatewayUrl(text: string, testing: boolean): string {
  const url = URL.parse(text);
  const isStand = testing && url?.protocol === "http:" && url.hostname === "127.0.0.1";
  const vetted = isStand ? url : vetUrl(text, new Set());
  if (typeof vetted === "string" || (!isStand && vetted.protocol !== "https:")) {
    throw invalidParam("data.url must be an https address on the public internet.");
  }
  if (vetted.pathname !== gatewayPath) throw invalidParam(`data.url must end with ${gatewayPath}.`);
  return vetted.href;
}

const toJson = (pusher: Pusher): object => ({
  app_id: pusher.appId,
  pushkey: pusher.pushkey,
  kind: "http",
  app_display_name: pusher.appDisplayName,
  device_display_name: pusher.deviceDisplayName,
  ...(pusher.profileTag !== null && { profile_tag: pusher.profileTag }),
  lang: pusher.lang,
  data: { ...pusher.data, url: pusher.url },
});
