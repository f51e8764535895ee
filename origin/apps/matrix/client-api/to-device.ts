import type { ToDeviceMessages } from "../e2ee/to-device.ts";
import type { JsonObject } from "../events/event.ts";
import { isWithinIdLimit } from "../events/identifiers.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { badJson, invalidParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { isObject, requireObject } from "./read-body.ts";

export function toDeviceRoutes(matrix: MatrixContext): Route[] {
  const { toDevice, transactions } = matrix;

  async function send(call: Call): Promise<Answer> {
    const type = call.params["eventType"] ?? "";
    if (!isWithinIdLimit(type)) throw invalidParam("The type may have at most 255 bytes.");
    const messages = readMessages(requireObject(await call.json(), "messages"));
    return transactions.once(call, `sendToDevice/${type}`, (transaction) => {
      toDevice.send(transaction, call.requester.userId, type, messages);
      return {};
    });
  }

  return [
    {
      method: "PUT",
      path: "/_matrix/client/v3/sendToDevice/:eventType/:txnId",
      access: "reading",
      handle: send,
    },
  ];
}

function readMessages(messages: JsonObject): ToDeviceMessages {
  const read = new Map<string, Map<string, JsonObject>>();
  for (const [userId, devices] of Object.entries(messages)) {
    if (!isObject(devices)) throw badJson("messages must hold an object of devices for each user.");
    const byDevice = new Map<string, JsonObject>();
    for (const [deviceId, content] of Object.entries(devices)) {
      if (!isObject(content)) throw badJson("A message to a device must be an object.");
      byDevice.set(deviceId, content);
    }
    read.set(userId, byDevice);
  }
  return read;
}
