import { planArrivals } from "./arrivals.ts";
import { type Connection, connect } from "./connection.ts";
import { runOpenLoop } from "./open-loop.ts";
import { each, gatherPeople, makeRoom, type Person, recruit, type Site, withConnections } from "./people.ts";
import type { Phase } from "./phase.ts";
import { classicSync, type Dialect, lacks, slidingSync } from "./reader.ts";

/** The rooms of one reader, who gets more of them from phase to phase. */
interface Reader {
  readonly person: Person;
  rooms: number;
}

const readers = new Map<string, Reader>();

/** What a client asks first, and what it asks when nothing has happened, with so many rooms of so many members. */
export function syncPhases(options: {
  counts: readonly number[];
  members: number;
  perSecond: number;
  initialPerSecond: number;
}): Phase[] {
  const { members, perSecond, initialPerSecond } = options;
  return options.counts.flatMap((count) =>
    [classicSync(), slidingSync].flatMap((dialect) => {
      const phase = (name: string, rate: number, since: boolean): Phase => ({
        name: `${name} ${dialect.name}, ${count} rooms of ${members}`,
        unit: "answer",
        backlog: false,
        floor: false,
        async prepare(site) {
          const { person } = await gather(site, count, members);
          return withConnections(site.target, (connection) => lacks(dialect, connection(0), person));
        },
        async slice(site, { seconds, random }) {
          const { person } = await gather(site, count, members);
          const connection = connect(site.target.url);
          try {
            const next = since ? await settle(dialect, connection, person) : undefined;
            // At least two, where a slice is short.
            const arrivals = planArrivals({ perSecond: rate, seconds: Math.max(seconds, 2 / rate), random });
            return await runOpenLoop({
              arrivals,
              clients: 1,
              work: async () => {
                const news = await dialect.ask(connection, person, next, 0);
                if (news.status !== 200) throw new Error(news.text);
              },
            });
          } finally {
            await connection.close();
          }
        },
      });
      return [phase("first", initialPerSecond, false), phase("empty", perSecond, true)];
    }),
  );
}

/** A position behind which nothing has happened: the first answers may still bring something along. */
async function settle(dialect: Dialect, connection: Connection, person: Person): Promise<string> {
  let next = (await dialect.ask(connection, person, undefined, 0)).next;
  next = (await dialect.ask(connection, person, next, 0)).next;
  return next;
}

async function gather(site: Site, count: number, members: number): Promise<Reader> {
  const key = `${site.target.url} ${members}`;
  await gatherPeople(site, members);
  let reader = readers.get(key);
  if (!reader) {
    const [person] = await recruit(site.target, 1);
    readers.set(key, (reader = { person: person!, rooms: 0 }));
  }
  const { person, rooms } = reader;
  await withConnections(site.target, (connection) =>
    each(Math.max(0, count - rooms), async (index) => {
      await makeRoom(site.target, [person, ...site.people.slice(0, members - 1)], (at) =>
        connection(index + at),
      );
    }),
  );
  reader.rooms = Math.max(rooms, count);
  return reader;
}
