import assert from "node:assert/strict";
import type { Fixture, Reply, User } from "../fixture.ts";

/** The owner at their API. */
export interface Owner {
  readonly user: User;
  /** `rest` continues `/_burrow/admin/v1`. */
  ask(method: string, rest: string, body?: object): Promise<Reply>;
  /** Starts a job and waits for its end; gives it as it then is. */
  finish(method: string, rest: string, body?: object): Promise<Reply["body"]>;
}

export async function owner(fixture: Fixture): Promise<Owner> {
  const user = await fixture.user("keeper");
  const ask: Owner["ask"] = (method, rest, body) =>
    fixture.request(method, `/_burrow/admin/v1${rest}`, { token: user.token, body });
  return {
    user,
    ask,
    async finish(method, rest, body) {
      const started = await ask(method, rest, body);
      assert.equal(started.status, 200, JSON.stringify(started.body));
      for (;;) {
        const { body: job } = await ask("GET", `/jobs/${started.body.job.id}`);
        if (job.ended_at !== null) return job;
        // The job's writes come in between.
        await fixture.matrix.database.write(() => {});
      }
    },
  };
}
