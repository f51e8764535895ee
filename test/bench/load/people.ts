import { readFileSync } from "node:fs";
import { type Connection, connect } from "./connection.ts";
import type { Target } from "./target.ts";

/** A target, and whom this run has made there. */
export interface Site {
  readonly target: Target;
  readonly people: Person[];
}

/** Somebody with an account on a target. */
export interface Person {
  readonly name: string;
  readonly userId: string;
  readonly token: string;
}

export const password = "a long password for benchmarks";
/** Requests at once while a run is prepared, which is not measured. */
const atOnce = 8;

/** Does `work` for each of `count`, some at a time. */
export async function each(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, loop));
}

/** Connections for what is prepared, and their end. */
export async function withConnections<T>(
  target: Target,
  work: (connection: (index: number) => Connection) => Promise<T>,
): Promise<T> {
  const connections = Array.from({ length: atOnce }, () => connect(target.url));
  try {
    return await work((index) => connections[index % atOnce]!);
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** Of each target: how many accounts this run has taken there. */
const taken = new WeakMap<Target, number>();

/** People whom nobody has met yet: registered by m.login.dummy, or taken from the target's file. */
export async function recruit(target: Target, count: number): Promise<Person[]> {
  const first = taken.get(target) ?? 0;
  taken.set(target, first + count);
  if (target.tokensFile !== undefined) {
    const known = readTokens(target.tokensFile).slice(first, first + count);
    if (known.length < count) {
      throw new Error(`${target.tokensFile} holds too few accounts: this needs ${first + count}.`);
    }
    return known;
  }
  const made: Person[] = [];
  await withConnections(target, (connection) =>
    each(count, async (index) => {
      // Names of their own for each run: a peer may still know those of the last one.
      const name = `${target.namePrefix}${first + index}`;
      const answer = await connection(index).ask({
        method: "POST",
        path: "/_matrix/client/v3/register",
        body: { username: name, password, auth: { type: "m.login.dummy" } },
      });
      const { user_id: userId, access_token: token } = answer.json<{
        user_id: string;
        access_token: string;
      }>();
      made[index] = { name, userId, token };
    }),
  );
  return made;
}

/** Adds to the site's people until they are `count`. */
export async function gatherPeople({ target, people }: Site, count: number): Promise<void> {
  if (people.length < count) people.push(...(await recruit(target, count - people.length)));
}

/** One account a line: user id, access token. */
function readTokens(file: string): Person[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.flatMap((line) => {
    const [userId = "", token = ""] = line.trim().split(/\s+/);
    return token === "" ? [] : [{ name: userId.slice(1).split(":")[0] ?? "", userId, token }];
  });
}

/** A public room with these people in it, the first being its creator. Answers its id. */
export async function makeRoom(
  target: Target,
  people: readonly Person[],
  connection: (index: number) => Connection,
): Promise<string> {
  const made = await connection(0).ask({
    method: "POST",
    path: "/_matrix/client/v3/createRoom",
    token: people[0]?.token,
    body: { preset: "public_chat", name: `Load ${target.namePrefix}` },
  });
  const roomId = made.json<{ room_id: string }>().room_id;
  const path = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`;
  await each(people.length - 1, async (index) => {
    await connection(index).ask({ method: "POST", path, token: people[index + 1]?.token, body: {} });
  });
  return roomId;
}
