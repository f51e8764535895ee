import type { Fixture, Reply, User } from "../apps/matrix/fixture.ts";
import {
  fillPath,
  type Operation,
  operationsOf,
  plausibleBody,
  plausibleParameter,
  type World,
} from "./plausible-request.ts";

/** An operation of the Matrix API, with its answer to one who should not get far. */
export interface Visit {
  readonly operation: Operation;
  /** Method and path as they were sent: for messages of tests. */
  readonly what: string;
  readonly reply: Reply;
}

/** Every Matrix operation whose path takes part, each asked once with what it would take. */
export async function walk(
  fixture: Fixture,
  options: {
    readonly world: World;
    readonly token?: string;
    readonly only: (operation: Operation) => boolean;
    /** Other values for some path parameters, percent-encoded. */
    readonly parameters?: Readonly<Record<string, string>>;
    readonly query?: string;
  },
): Promise<Visit[]> {
  const { world, token, parameters = {}, query = "" } = options;
  const visits: Visit[] = [];
  for (const operation of operationsOf(fixture.routes).filter(options.only)) {
    const { method } = operation;
    const filled = fillPath(operation.path, (name) => parameters[name] ?? plausibleParameter(name, world));
    const body = plausibleBody(operation, world);
    const path = method === "GET" ? `${filled}${query}` : filled;
    const reply = await fixture.request(method, path, {
      ...(token !== undefined && { token }),
      ...(body && { body }),
    });
    visits.push({
      operation,
      what: `${method} ${path} → ${reply.status} ${JSON.stringify(reply.body)}`,
      reply,
    });
  }
  return visits;
}

/** What a request of `user` is about: their own things, a room, and somebody else. */
export const worldOf = (user: User, other: User, roomId: string, eventId: string): World => ({
  userId: user.userId,
  other: other.userId,
  deviceId: user.deviceId,
  roomId,
  eventId,
});
