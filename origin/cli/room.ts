import { answer, type Command, CommandError, readCount, textOption, UsageError } from "./command.ts";
import { withOwnersApi } from "./owners-api.ts";

interface RoomReport {
  readonly room_id: string;
  readonly name: string | null;
  readonly members: number;
  readonly events: number;
  readonly bytes: number;
  readonly encrypted: boolean;
  readonly last_activity_at: string;
}

const list: Command = {
  name: "room list",
  usage: "[--search TEXT] [--sort activity|size|members|name] [--limit N]",
  summary: "Lists the chat rooms.",
  options: { search: { type: "string" }, sort: { type: "string" }, limit: { type: "string" } },
  words: 0,
  async run(invocation) {
    const query = new URLSearchParams({
      limit: String(readCount(textOption(invocation, "limit") ?? "50", "--limit")),
      sort: textOption(invocation, "sort") ?? "activity",
      search: textOption(invocation, "search") ?? "",
    });
    await withOwnersApi(invocation, async (api) => {
      const told = await api.ask<{ rooms: RoomReport[]; next?: number }>("GET", `/rooms?${query.toString()}`);
      const lines = told.rooms.map(line);
      if (told.next !== undefined) lines.push("There are more: --limit shows up to 200.");
      answer(invocation, told, lines.length === 0 ? ["There are no such rooms."] : lines);
    });
    return 0;
  },
};

const show: Command = {
  name: "room show",
  usage: "ROOM-ID",
  summary: "Shows one room.",
  words: 1,
  async run(invocation) {
    const path = `/rooms/${encodeURIComponent(invocation.positionals[0] ?? "")}`;
    await withOwnersApi(invocation, async (api) => {
      const room = await api.ask<Record<string, unknown>>("GET", path);
      const width = Math.max(...Object.keys(room).map((key) => key.length));
      answer(
        invocation,
        room,
        Object.entries(room).map(([key, value]) => `${key.padEnd(width)}  ${describe(value)}`),
      );
    });
    return 0;
  },
};

const remove: Command = {
  name: "room delete",
  usage: "ROOM-ID --yes [--reason TEXT] [--no-wait]",
  summary: "Puts everyone out of a room and deletes all that was said in it.",
  options: { yes: { type: "boolean" }, reason: { type: "string" }, "no-wait": { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const roomId = invocation.positionals[0] ?? "";
    const reason = textOption(invocation, "reason");
    const path = `/rooms/${encodeURIComponent(roomId)}`;
    await withOwnersApi(invocation, async (api) => {
      const room = await api.ask<RoomReport>("GET", path);
      if (invocation.options["yes"] !== true) {
        throw new CommandError(
          `This deletes ${room.name ?? roomId} with its ${room.events} events for good. If that is meant, add --yes.`,
        );
      }
      const { job, waited } = await api.runJob("DELETE", path, reason === undefined ? {} : { reason });
      answer(invocation, { room_id: roomId, job }, [
        waited ? `The room ${roomId} is deleted.` : `The room ${roomId} is being deleted: job ${job.id}.`,
      ]);
    });
    return 0;
  },
};

const purge: Command = {
  name: "room purge-history",
  usage: "ROOM-ID --before DATE --yes [--no-wait]",
  summary: "Deletes what was said in a room before a day.",
  options: { yes: { type: "boolean" }, before: { type: "string" }, "no-wait": { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const roomId = invocation.positionals[0] ?? "";
    const before = textOption(invocation, "before");
    if (before === undefined) throw new UsageError("Say up to when: --before 2026-01-31.");
    if (invocation.options["yes"] !== true) {
      throw new CommandError("What is purged is gone for good. If that is meant, add --yes.");
    }
    await withOwnersApi(invocation, async (api) => {
      const path = `/rooms/${encodeURIComponent(roomId)}/purge-history`;
      const { job, waited } = await api.runJob("POST", path, { before });
      answer(invocation, { room_id: roomId, job }, [
        waited ? `${job.done} events are deleted.` : `They are being deleted: job ${job.id}.`,
      ]);
    });
    return 0;
  },
};

export const roomCommands: readonly Command[] = [list, show, remove, purge];

function line(room: RoomReport): string {
  const size = `${(room.bytes / 1024 / 1024).toFixed(1)} MiB`;
  const kind = room.encrypted ? "encrypted" : "         ";
  const day = room.last_activity_at.slice(0, 10);
  return `${day}  ${String(room.members).padStart(4)} members  ${size.padStart(10)}  ${kind}  ${room.room_id}  ${room.name ?? ""}`.trimEnd();
}

function describe(value: unknown): string {
  if (value === null) return "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}
