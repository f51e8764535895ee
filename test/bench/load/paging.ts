import { planArrivals } from "./arrivals.ts";
import { connect } from "./connection.ts";
import { runOpenLoop } from "./open-loop.ts";
import type { Phase } from "./phase.ts";
import { writeRooms } from "./send.ts";

/** Walks back through the room that was written to, fifty events at a time, and starts anew at its beginning. */
export function pagingPhase(perSecond: number): Phase {
  return {
    name: `paging back, 50 events, ${perSecond} a second`,
    unit: "page",
    backlog: false,
    floor: false,
    prepare: () => Promise.resolve(undefined),
    async slice(site, { seconds, random }) {
      const connection = connect(site.target.url);
      const room = `/_matrix/client/v3/rooms/${encodeURIComponent(writeRooms(site).shared)}`;
      let from: string | undefined;
      try {
        return await runOpenLoop({
          arrivals: planArrivals({ perSecond, seconds, random }),
          clients: 1,
          async work() {
            const place = from === undefined ? "" : `&from=${encodeURIComponent(from)}`;
            const answer = await connection.ask({
              method: "GET",
              path: `${room}/messages?dir=b&limit=50${place}`,
              token: site.people[0]?.token,
            });
            from = answer.json<{ end?: string }>().end;
          },
        });
      } finally {
        await connection.close();
      }
    },
  };
}
