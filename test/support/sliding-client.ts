import { setTimeout as pause } from "node:timers/promises";

import { encryption, roomList } from "./rust-sdk-requests.ts";

/** An event as the server shows it, as far as this client looks. */
export interface SlidingEvent {
  readonly event_id: string;
  readonly type: string;
  readonly sender: string;
  readonly state_key?: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What one answer says of a room. */
interface RoomNews {
  readonly initial?: boolean;
  readonly limited?: boolean;
  /** What was told comes again, with more before it. */
  readonly unstable_expanded_timeline?: boolean;
  readonly prev_batch?: string;
  readonly timeline?: readonly SlidingEvent[];
  readonly required_state?: readonly SlidingEvent[];
  readonly invite_state?: readonly SlidingEvent[];
  readonly name?: string;
  readonly notification_count?: number;
  readonly joined_count?: number;
}

/** A room as the client has put it together. */
export interface SlidingRoom {
  membership: string | undefined;
  name: string | undefined;
  unread: number | undefined;
  joined: number | undefined;
  /** Without holes, oldest first. */
  timeline: SlidingEvent[];
}

interface Answer {
  readonly pos: string;
  readonly lists?: { readonly all_rooms?: { readonly count: number } };
  readonly rooms?: Readonly<Record<string, RoomNews>>;
  readonly extensions?: { readonly to_device?: { readonly next_batch: string; readonly events: object[] } };
}

export interface SlidingClient {
  room(roomId: string): SlidingRoom | undefined;
  /** Opens the room on the screen: more of its history is asked for. */
  open(roomId: string): void;
  /** The first value that is not falsy, looked for after each answer. */
  seen<T>(look: () => T | undefined | null | false): Promise<T>;
  /** To the background, and back with the position of before. */
  pause(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

const base = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";

/**
 * Syncs as Element X does, with its requests: the room list, twenty rooms first and a hundred more with each answer,
 * and beside it the messages to the device. Where an answer says that it left something out, the hole is filled from
 * /messages. Whatever the server tells twice, or in another order than before, is an error, which `seen` throws.
 */
export function startSlidingClient(
  baseUrl: string,
  account: Readonly<Record<string, string>>,
): SlidingClient {
  const rooms = new Map<string, SlidingRoom>();
  const opened = new Set<string>();
  const wakes = new Set<() => void>();
  let last = 19;
  let complete = false;
  let poll = new AbortController();
  let fault: unknown;
  let stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  let position: string | undefined;
  let receivedUpTo: string | undefined;

  const headers = { authorization: `Bearer ${account["access_token"]}` };

  /** Tries until there is an answer or the signal says to stop: the same request, with the same position. */
  async function ask(
    pos: string | undefined,
    timeout: number,
    body: object,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const query = new URLSearchParams({ timeout: String(timeout), ...(pos !== undefined && { pos }) });
    const request = { method: "POST", headers, signal, body: JSON.stringify(body) };
    while (!signal.aborted) {
      const response = await fetch(new URL(`${base}?${query}`, baseUrl), request).catch(() => undefined);
      const answer = await response?.json().catch(() => undefined);
      if (response?.ok && answer) return answer as Answer;
      if (response && !response.ok && response.status < 500)
        throw new Error(`${response.status} ${JSON.stringify(answer)}`);
      await pause(100);
    }
    return undefined;
  }

  async function followRooms(): Promise<void> {
    while (!stopping.signal.aborted) {
      const wanted = new Set(opened);
      const timeout = complete && position !== undefined ? 30_000 : 0;
      poll = new AbortController();
      const signal = AbortSignal.any([stopping.signal, poll.signal]);
      const answer = await ask(position, timeout, roomList(last, wanted), signal);
      if (!answer) continue;
      for (const [roomId, news] of Object.entries(answer.rooms ?? {})) await take(roomId, news);
      position = answer.pos;
      const count = answer.lists?.all_rooms?.count ?? 0;
      complete = last >= count - 1 && wanted.size === opened.size;
      last = Math.max(last, Math.min(last + 100, count - 1, 99));
      for (const wake of wakes) wake();
    }
  }

  async function followDevice(): Promise<void> {
    let pos: string | undefined;
    while (!stopping.signal.aborted) {
      const answer = await ask(pos, pos ? 30_000 : 0, encryption(receivedUpTo), stopping.signal);
      if (!answer) return;
      pos = answer.pos;
      receivedUpTo = answer.extensions?.to_device?.next_batch ?? receivedUpTo;
    }
  }

  async function take(roomId: string, news: RoomNews): Promise<void> {
    const room = rooms.get(roomId) ?? {
      membership: undefined,
      name: undefined,
      unread: undefined,
      joined: undefined,
      timeline: [],
    };
    rooms.set(roomId, room);
    const state = [...(news.invite_state ?? []), ...(news.required_state ?? []), ...(news.timeline ?? [])];
    const own = state.findLast(
      (event) => event.type === "m.room.member" && event.state_key === account["user_id"],
    );
    room.membership = (own?.content["membership"] as string | undefined) ?? room.membership;
    room.name = news.name ?? room.name;
    room.unread = news.notification_count ?? room.unread;
    room.joined = news.joined_count ?? room.joined;
    if (!news.timeline?.length) return;
    const known = new Set(room.timeline.map((event) => event.event_id));
    let fresh = [...news.timeline];
    if (!news.initial && !news.limited && !news.unstable_expanded_timeline) {
      const twice = fresh.filter((event) => known.has(event.event_id));
      if (twice.length > 0) throw new Error(`told twice: ${JSON.stringify(twice)}`);
    } else if (news.limited && known.size > 0) {
      fresh = [...(await fillHole(roomId, fresh, news.prev_batch, known)), ...fresh];
    }
    room.timeline = join(room.timeline, fresh);
  }

  /** What stands between what is known and what came. */
  async function fillHole(
    roomId: string,
    fresh: readonly SlidingEvent[],
    end: string | undefined,
    known: ReadonlySet<string>,
  ): Promise<SlidingEvent[]> {
    const missing: SlidingEvent[] = [];
    let from = end;
    while (from !== undefined && ![...missing, ...fresh].some((event) => known.has(event.event_id))) {
      const query = new URLSearchParams({ dir: "b", limit: "10", from });
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?${query}`;
      const response = await fetch(new URL(path, baseUrl), { headers });
      const page = (await response.json()) as { chunk: SlidingEvent[]; end?: string };
      missing.unshift(...page.chunk.toReversed());
      from = page.end;
    }
    return missing;
  }

  function start(): void {
    stopping = new AbortController();
    const { signal } = stopping;
    running = Promise.all([followRooms(), followDevice()]).catch((error: unknown) => {
      if (signal.aborted) return;
      fault = error;
      for (const wake of wakes) wake();
    });
  }
  start();

  async function halt(): Promise<void> {
    stopping.abort();
    await running;
  }
  return {
    room: (roomId) => rooms.get(roomId),
    open(roomId) {
      opened.add(roomId);
      complete = false;
      poll.abort();
    },
    async seen(look) {
      for (;;) {
        if (fault) throw fault;
        const found = look();
        if (found) return found;
        await new Promise<void>((resolve) => {
          wakes.add(resolve);
        });
        wakes.clear();
      }
    },
    pause: halt,
    resume: start,
    stop: halt,
  };
}

/** Two stretches of one timeline that meet, or of which the one begins where the other ends. */
function join(known: readonly SlidingEvent[], fresh: readonly SlidingEvent[]): SlidingEvent[] {
  const indices = new Map(known.map((event, index) => [event.event_id, index]));
  const meeting = fresh.findIndex((event) => indices.has(event.event_id));
  if (meeting < 0) return [...known, ...fresh];
  const at = indices.get(fresh[meeting]!.event_id)!;
  const ids = (events: readonly SlidingEvent[]): string => events.map((event) => event.event_id).join(" ");
  const overlap = fresh.slice(meeting, meeting + known.length - at);
  if (ids(overlap) !== ids(known.slice(at)) || (meeting > 0 && at > 0)) {
    throw new Error(`told in another order: ${ids(known)} and then ${ids(fresh)}`);
  }
  return [...known.slice(0, at), ...fresh.slice(0, meeting), ...fresh.slice(meeting)];
}
