import { randomBytes } from "node:crypto";
import type { Database } from "../../../storage/database.ts";

/** By what apps know a member (`sub`): stable, and it tells nothing. */
export interface Subjects {
  of(memberId: number): Promise<string>;
  /** Undefined: of nobody here. */
  memberOf(subject: string): number | undefined;
}

export function createSubjects(database: Database): Subjects {
  const select = database.prepare<{ subject: string }>("SELECT subject FROM subjects WHERE member_id = ?");
  const selectMember = database.prepare<{ memberId: number }>(
    "SELECT member_id AS memberId FROM subjects WHERE subject = ?",
  );
  const insert = database.prepare(
    "INSERT INTO subjects (member_id, subject) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  return {
    async of(memberId) {
      const known = select.get(memberId);
      if (known) return known.subject;
      return await database.write(() => {
        insert.run(memberId, randomBytes(16).toString("base64url"));
        const { subject } = select.get(memberId) ?? {};
        if (subject === undefined) throw new Error("A subject was written and is not there.");
        return subject;
      });
    },
    memberOf: (subject) => selectMember.get(subject)?.memberId,
  };
}
