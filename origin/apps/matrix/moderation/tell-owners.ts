import { type MatrixContext, serverUserOf } from "../matrix-context.ts";

/** Sends a text into the owners' rooms of notices, as a job; what cannot be queued is in the log. */
export function tellOwners(matrix: MatrixContext, text: string): void {
  const { members, database, jobs, log } = matrix;
  const owners = members.list().filter(({ role, state }) => role === "owner" && state !== "deactivated");
  if (owners.length === 0) return;
  database
    .write((transaction) =>
      jobs.add(transaction, {
        kind: "send-notices",
        arguments: {
          members: owners.map(({ name }) => name),
          content: { msgtype: "m.text", body: text },
        },
        by: serverUserOf(matrix),
      }),
    )
    .catch((error: unknown) => log.error("matrix.owners-not-told", { error }));
}
