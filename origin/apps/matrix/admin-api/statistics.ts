import { stat } from "node:fs/promises";
import { join } from "node:path";
import { databaseFolder } from "../../../storage/databases.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { Answer } from "../route.ts";
import type { OwnersOperation } from "./operation.ts";

const day = 24 * 60 * 60 * 1000;
const areas = ["members", "matrix", "host"] as const;

/** Figures from counters that are kept as things happen: asking for them holds nobody up. */
export function statisticsRoutes(matrix: MatrixContext): OwnersOperation[] {
  const { members, roomSummaries, reports, config, database, now } = matrix;
  // A row for each holder, not for each file.
  const mediaBytes = database.prepare<{ bytes: number }>(
    "SELECT coalesce(sum(bytes), 0) AS bytes FROM media_usage",
  );

  async function statistics(): Promise<Answer> {
    const all = members.list();
    const seen = [...members.presences().values()].map(({ lastSeenAt }) => lastSeenAt ?? 0);
    const activeSince = (time: number): number => seen.filter((at) => at >= time).length;
    const count = (state: string): number => all.filter((member) => member.state === state).length;
    const { rooms, events, bytes } = roomSummaries.totals();
    return {
      members: {
        total: all.length,
        active: count("active"),
        suspended: count("suspended"),
        locked: all.filter((member) => member.lockedAt !== null).length,
        deactivated: count("deactivated"),
        /** Seen on a device that is still signed in. */
        seen_today: activeSince(now() - day),
        seen_this_month: activeSince(now() - 30 * day),
      },
      rooms,
      events,
      event_bytes: bytes,
      media_bytes: mediaBytes.get()?.bytes ?? 0,
      open_reports: reports.openCount(),
      database_bytes: await databaseBytes(config.dataDir),
    };
  }

  return [{ method: "GET", path: "/statistics", handle: statistics }];
}

/** The file, and what is not yet moved into it. */
async function databaseBytes(dataDir: string): Promise<Record<string, number>> {
  const sizes = areas.map(async (area): Promise<[string, number]> => {
    const file = join(databaseFolder(dataDir), `${area}.db`);
    return [area, (await sizeOf(file)) + (await sizeOf(`${file}-wal`))];
  });
  return Object.fromEntries(await Promise.all(sizes));
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    return 0;
  }
}
