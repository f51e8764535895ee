import { planArrivals } from "./arrivals.ts";
import { type Connection, connect } from "./connection.ts";
import { runOpenLoop } from "./open-loop.ts";
import { gatherPeople, password } from "./people.ts";
import type { Phase } from "./phase.ts";

const people = 20;

/** So many people sign in at once, again and again, as after an outage. */
export function loginPhase(perSecond: number): Phase {
  return {
    name: `signing in, ${perSecond} a second`,
    unit: "login",
    backlog: false,
    floor: false,
    async prepare(site) {
      if (site.target.tokensFile !== undefined) return "the passwords are not known";
      await gatherPeople(site, people);
      return undefined;
    },
    async slice(site, { seconds, random }) {
      const connections: Connection[] = Array.from({ length: people }, () => connect(site.target.url));
      try {
        return await runOpenLoop({
          arrivals: planArrivals({ perSecond, seconds, random }),
          clients: people,
          async work(_index, client) {
            await connections[client]!.ask({
              method: "POST",
              path: "/_matrix/client/v3/login",
              body: {
                type: "m.login.password",
                identifier: { type: "m.id.user", user: site.people[client]!.name },
                password,
              },
            });
          },
        });
      } finally {
        await Promise.all(connections.map((connection) => connection.close()));
      }
    },
  };
}
