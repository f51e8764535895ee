import { setTimeout as pause } from "node:timers/promises";
import { planArrivals } from "./arrivals.ts";
import { type Connection, connect } from "./connection.ts";
import { createHistogram } from "./histogram.ts";
import { type Outcome, runOpenLoop } from "./open-loop.ts";
import { gatherPeople, makeRoom, type Person, type Site, withConnections } from "./people.ts";
import type { Phase } from "./phase.ts";
import { classicSync, type Dialect, lacks, slidingSync } from "./reader.ts";
import { send } from "./send.ts";

/** What one of the rooms that are listened to needs. */
interface Audience {
  readonly roomId: string;
  readonly writer: Person;
  readonly readers: readonly Person[];
  /** Where each reader is, by dialect. */
  readonly places: Map<string, string[]>;
}

const audiences = new Map<string, Audience>();
/** For readers to have their polls open, and for the last answers to arrive. */
const settleMs = 300;
const patienceMs = 10_000;
const pollMs = 30_000;

/** Messages to so many long-polling readers: from when each was due to when a reader holds it. */
export function fanOutPhases(options: { readers: number; perSecond: number }): Phase[] {
  const { readers, perSecond } = options;
  return [false, true].map((sliding): Phase => {
    const dialectOf = ({ roomId }: Audience): Dialect => (sliding ? slidingSync : classicSync(roomId));
    return {
      name: `${perSecond} a second to ${readers} readers, ${sliding ? "sliding sync" : "/sync"}`,
      unit: "delivery",
      backlog: false,
      floor: false,
      async prepare(site) {
        const audience = await gather(site, readers);
        return withConnections(site.target, (connection) =>
          lacks(dialectOf(audience), connection(0), audience.writer),
        );
      },
      async slice(site, { seconds, random }) {
        const audience = await gather(site, readers);
        const arrivals = planArrivals({ perSecond, seconds, random });
        return deliver(site, audience, dialectOf(audience), arrivals, random);
      },
    };
  });
}

async function gather(site: Site, readers: number): Promise<Audience> {
  const key = `${site.target.url} ${readers}`;
  const known = audiences.get(key);
  if (known) return known;
  await gatherPeople(site, readers + 1);
  const people = site.people.slice(0, readers + 1);
  const roomId = await withConnections(site.target, (connection) =>
    makeRoom(site.target, people, connection),
  );
  const [writer, ...others] = people;
  const audience = { roomId, writer: writer!, readers: others, places: new Map() };
  audiences.set(key, audience);
  return audience;
}

async function deliver(
  site: Site,
  audience: Audience,
  dialect: Dialect,
  arrivals: readonly number[],
  random: () => number,
): Promise<Outcome> {
  const connections = audience.readers.map(() => connect(site.target.url));
  const writer = connect(site.target.url);
  const closeAll = () => Promise.all([...connections, writer].map((connection) => connection.close()));
  let stopped = false;
  const dueAt = new Map<string, number>();
  const latency = createHistogram();
  const places = await findPlaces(audience, dialect, connections);
  try {
    const loops = audience.readers.map(async (reader, index) => {
      for (;;) {
        if (stopped) return;
        const news = await dialect
          .ask(connections[index]!, reader, places[index], pollMs)
          .catch(() => undefined);
        if (!news || news.status !== 200) return;
        const now = performance.now();
        places[index] = news.next;
        for (const [mark] of news.text.matchAll(/<load\d+>/g)) {
          const due = dueAt.get(mark);
          if (due !== undefined) latency.record(now - due);
        }
      }
    });
    await pause(settleMs);
    const begun = performance.now();
    const sent = await runOpenLoop({
      arrivals,
      clients: 1,
      work: (index, _client, due) => {
        const mark = `<load${index}>`;
        dueAt.set(mark, due);
        return send(writer, audience.writer, audience.roomId, random, mark);
      },
    });
    const expected = sent.done * audience.readers.length;
    const end = performance.now() + patienceMs;
    while (latency.count < expected && performance.now() < end) await pause(20);
    const seconds = (performance.now() - begun) / 1000;
    stopped = true;
    await closeAll();
    await Promise.all(loops);
    return { latency, done: latency.count, failed: expected - latency.count + sent.failed, seconds };
  } finally {
    stopped = true;
    await closeAll();
  }
}

/** Where the readers are before anything is sent: at the end of what there is. */
async function findPlaces(
  audience: Audience,
  dialect: Dialect,
  connections: readonly Connection[],
): Promise<string[]> {
  const places = audience.places.get(dialect.name) ?? [];
  audience.places.set(dialect.name, places);
  await Promise.all(
    audience.readers.map(async (reader, index) => {
      const news = await dialect.ask(connections[index]!, reader, places[index], 0);
      places[index] = news.next;
    }),
  );
  return places;
}
