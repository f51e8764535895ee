import { optionalObject, optionalStrings, optionalString } from "../client-api/read-body.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, missingParam, notFound } from "../matrix-error.ts";
import type { OwnersOperation } from "./operation.ts";
import { describeJob } from "./jobs.ts";

/** In bytes of JSON: an event may have 65,536 in all. */
const largestContent = 60_000;

/** Notices of the server to one, some or all members: a job, since each has a room of their own. */
export function noticeRoutes(matrix: MatrixContext): OwnersOperation[] {
  return [
    {
      method: "POST",
      path: "/notices",
      async handle(call) {
        const body = await call.json();
        const content = readContent(body);
        const members = readMembers(matrix, optionalStrings(body, "members"));
        const job = await matrix.database.write((transaction) =>
          matrix.jobs.add(transaction, {
            kind: "send-notices",
            arguments: { members, content },
            by: call.requester.userId,
          }),
        );
        return { job: describeJob(job) };
      },
    },
  ];
}

function readContent(body: JsonObject): JsonObject {
  const text = optionalString(body, "text");
  const content = text === undefined ? optionalObject(body, "content") : { msgtype: "m.text", body: text };
  if (!content || text === "") throw missingParam("Give the text, or the content of a message.");
  if (Buffer.byteLength(JSON.stringify(content)) > largestContent) {
    throw invalidParam(`A notice may have at most ${largestContent} bytes.`);
  }
  return content;
}

/** Null: everyone. */
function readMembers(matrix: MatrixContext, names: string[] | undefined): string[] | null {
  if (!names) return null;
  if (names.length === 0) throw invalidParam("members names nobody. Leave it out to tell everyone.");
  return names.map((name) => {
    const member = matrix.members.find(name);
    if (!member || member.state === "deactivated") throw notFound(`There is no member ${name}.`);
    return member.name;
  });
}
