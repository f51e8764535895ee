import { isWithinIdLimit } from "../events/identifiers.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { forbidden, invalidParam, missingParam, notFound, tooLarge } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { checkDisplayName } from "../sign-in.ts";
import { readKeyUpload } from "./keys.ts";
import { optionalString, queryCount, requireObject, requireString } from "./read-body.ts";

/** Messages in one answer, as in /sync. */
const mostEvents = 100;
/** Bytes of JSON. Clients' own are some 5 KiB. */
const largestData = 65_536;

/** Dehydrated devices (MSC3814), on the unstable path that clients use. */
export function dehydratedDeviceRoutes(matrix: MatrixContext): Route[] {
  const { database, dehydratedDevices, stream, toDevice } = matrix;

  async function put(call: Call): Promise<Answer> {
    const body = await call.json();
    const deviceId = requireString(body, "device_id");
    if (deviceId === "" || !isWithinIdLimit(deviceId))
      throw invalidParam("device_id may have 1 to 255 bytes.");
    const displayName = optionalString(body, "initial_device_display_name") ?? null;
    if (displayName !== null) checkDisplayName(displayName, "initial_device_display_name");
    const data = requireObject(body, "device_data");
    requireString(data, "algorithm");
    if (Buffer.byteLength(JSON.stringify(data)) > largestData) {
      throw tooLarge("device_data may have at most 64 KiB.");
    }
    const upload = readKeyUpload(body);
    if (!upload.deviceKeys) throw missingParam("device_keys is missing: nobody could encrypt to the device.");
    const device = { deviceId, displayName, data };
    await database.write((transaction) =>
      dehydratedDevices.replace(transaction, call.requester.userId, device, upload),
    );
    return { device_id: deviceId };
  }

  function get(call: Call): Answer {
    const device = dehydratedDevices.find(call.requester.userId);
    if (!device) throw notFound("You have no dehydrated device.");
    return { device_id: device.deviceId, device_data: device.data };
  }

  async function remove(call: Call): Promise<Answer> {
    const deviceId = await database.write((transaction) =>
      dehydratedDevices.remove(transaction, call.requester.userId),
    );
    if (deviceId === undefined) throw notFound("You have no dehydrated device.");
    return { device_id: deviceId };
  }

  /**
   * A page of its messages after the token. They stay: whoever wakes the device may fail half-way, and another client tries
   * again. `last`: where the page ends; `more`: whether there are others after it.
   */
  function page(call: Call, token: string | null | undefined) {
    const { userId } = call.requester;
    const deviceId = call.params["deviceId"] ?? "";
    if (dehydratedDevices.find(userId)?.deviceId !== deviceId) {
      throw forbidden("This is not the id of your dehydrated device.");
    }
    const after = token === null || token === undefined || token === "" ? 0 : parseToken(token);
    const limit = Math.max(1, queryCount(call.query, "limit", mostEvents, mostEvents));
    const pending = toDevice.pending(userId, deviceId, after, stream.current(), limit + 1);
    const shown = pending.slice(0, limit);
    return {
      events: shown.map(({ sender, type, content }) => ({ sender, type, content })),
      last: `d${shown.at(-1)?.so ?? after}`,
      more: pending.length > limit,
    };
  }

  const path = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";
  return [
    { method: "PUT", path, access: "reading", handle: put },
    { method: "GET", path, access: "member", handle: get },
    { method: "DELETE", path, access: "reading", handle: remove },
    {
      method: "GET",
      path: `${path}/:deviceId/events`,
      access: "member",
      handle(call) {
        const { events, last, more } = page(call, call.query.get("from"));
        return { events, ...(more && { next_batch: last }) };
      },
    },
    {
      // As it was until 2026: clients of that time go on until a page is empty.
      method: "POST",
      path: `${path}/:deviceId/events`,
      access: "reading",
      async handle(call) {
        const body = await call.json({ mayBeEmpty: true });
        const { events, last } = page(call, optionalString(body, "next_batch"));
        return { events, next_batch: last };
      },
    },
  ];
}

function parseToken(token: string): number {
  const digits = /^d(\d{1,15})$/.exec(token)?.[1];
  if (digits === undefined) throw invalidParam("This token is not one that this server gave out.");
  return Number(digits);
}
