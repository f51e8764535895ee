import { planArrivals } from "./arrivals.ts";
import { type Connection, connect } from "./connection.ts";
import { runBacklog, runOpenLoop } from "./open-loop.ts";
import { gatherPeople, makeRoom, type Person, type Site, withConnections } from "./people.ts";
import type { Phase } from "./phase.ts";

/** The rooms that are written to, by site: one that all are in, and one for each writer and a friend. */
interface Rooms {
  readonly shared: string;
  readonly own: readonly string[];
}

const rooms = new WeakMap<Site, Rooms>();
export const mostWriters = 50;
let serial = 0;

export const writeRooms = (site: Site): Rooms => rooms.get(site)!;

/** Sends, as many as the server takes with 1, 10 and 50 writers, and at a rate that leaves it time. */
export function sendPhases(options: { membersOfShared: number; perSecond: number }): Phase[] {
  const backlog = (writers: number, manyRooms: boolean): Phase => ({
    name: `send, ${writers} writer${writers > 1 ? "s" : ""}, ${manyRooms ? `${mostWriters} rooms of 2` : `a room of ${options.membersOfShared}`}`,
    unit: "message",
    backlog: true,
    floor: true,
    prepare: (site) => prepare(site, options.membersOfShared),
    slice: (site, { seconds, random }) =>
      withWriters(site, writers, (connections) =>
        runBacklog({
          seconds,
          clients: writers,
          work: (_index, writer) =>
            send(connections[writer]!, site.people[writer]!, roomOf(site, writer, manyRooms), random),
        }),
      ),
  });
  const atRate: Phase = {
    ...backlog(10, false),
    name: `send, ${options.perSecond} a second by 10 writers`,
    backlog: false,
    slice: (site, { seconds, random }) =>
      withWriters(site, 10, (connections) =>
        runOpenLoop({
          arrivals: planArrivals({ perSecond: options.perSecond, seconds, random }),
          clients: 10,
          work: (_index, writer) =>
            send(connections[writer]!, site.people[writer]!, roomOf(site, writer, false), random),
        }),
      ),
  };
  return [
    backlog(1, false),
    backlog(10, false),
    backlog(mostWriters, false),
    backlog(mostWriters, true),
    atRate,
  ];
}

async function prepare(site: Site, members: number): Promise<undefined> {
  if (rooms.has(site)) return;
  await gatherPeople(site, Math.max(mostWriters, members));
  await withConnections(site.target, async (connection) => {
    const shared = await makeRoom(
      site.target,
      site.people.slice(0, Math.max(mostWriters, members)),
      connection,
    );
    const own: string[] = [];
    for (let writer = 0; writer < mostWriters; writer += 1) {
      const friend = site.people[(writer + 1) % mostWriters]!;
      own.push(await makeRoom(site.target, [site.people[writer]!, friend], connection));
    }
    rooms.set(site, { shared, own });
  });
}

function roomOf(site: Site, writer: number, manyRooms: boolean): string {
  const { shared, own } = writeRooms(site);
  return manyRooms ? own[writer]! : shared;
}

async function withWriters<T>(
  site: Site,
  writers: number,
  work: (connections: readonly Connection[]) => Promise<T>,
): Promise<T> {
  const connections = Array.from({ length: writers }, () => connect(site.target.url));
  try {
    return await work(connections);
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** As long as people's messages are: 20 to 200 letters. `mark` is found again by a reader. */
export async function send(
  connection: Connection,
  writer: Person,
  roomId: string,
  random: () => number,
  mark = "",
): Promise<void> {
  const letters = 20 + Math.floor(random() * random() * 180);
  const body = `${mark} ${"as people write to each other, now and then ".repeat(5).slice(0, letters)}`;
  serial += 1;
  await connection.ask({
    method: "PUT",
    path: `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/load${serial}`,
    token: writer.token,
    // Clients of today name whom they mention, mostly nobody.
    body: { msgtype: "m.text", body, "m.mentions": {} },
  });
}
