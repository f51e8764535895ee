import { requireObject, requireString } from "../client-api/read-body.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import { sendNotice } from "../moderation/server-notices.ts";
import type { Answer, Call, Route } from "../route.ts";
import { localMember } from "../users/local-member.ts";

/** Synapse's name for the owner's POST …/notices, as suites know it. Only on a test server. */
export function serverNoticeRoutes(matrix: MatrixContext): Route[] {
  const { config, members } = matrix;
  if (!config.testing) return [];

  async function read(call: Call) {
    const body = await call.json();
    const userId = requireString(body, "user_id");
    if (!localMember({ members, serverName: config.serverName }, userId)) {
      throw notFound("There is no such account here.");
    }
    return { userId, content: requireObject(body, "content") };
  }

  async function send(call: Call): Promise<Answer> {
    const { userId, content } = await read(call);
    return matrix.database.write((transaction) => ({
      event_id: sendNotice(matrix, transaction, userId, content).eventId,
    }));
  }

  async function sendOnce(call: Call): Promise<Answer> {
    const { userId, content } = await read(call);
    return matrix.transactions.once(call, "send_server_notice", (transaction) => ({
      event_id: sendNotice(matrix, transaction, userId, content).eventId,
    }));
  }

  const path = "/_synapse/admin/v1/send_server_notice";
  return [
    { method: "POST", path, access: "owner", handle: send },
    { method: "PUT", path: `${path}/:txnId`, access: "owner", handle: sendOnce },
  ];
}
