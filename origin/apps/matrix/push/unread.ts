/** As it stands in `unread_notifications`. */
export interface UnreadCount {
  readonly notification_count: number;
  readonly highlight_count: number;
}

/** What one user has not read in one room. Never changed, but replaced: an answer may still hold it. */
export interface Unread {
  /** Of every thread together: for clients that do not ask for threads. */
  readonly total: UnreadCount;
  /** Outside threads. */
  readonly main: UnreadCount;
  /** By root event id; those without anything unread are left out. */
  readonly threads: ReadonlyMap<string, UnreadCount>;
}

const nothing: UnreadCount = { notification_count: 0, highlight_count: 0 };
export const nothingUnread: Unread = { total: nothing, main: nothing, threads: new Map() };

/** `thread`: the root's event id, or `main`. */
export const countOf = (unread: Unread, thread: string): UnreadCount =>
  thread === "main" ? unread.main : (unread.threads.get(thread) ?? nothing);

export function withCount(unread: Unread, thread: string, notifications: number, highlights: number): Unread {
  const before = countOf(unread, thread);
  const count = { notification_count: notifications, highlight_count: highlights };
  const total = {
    notification_count: unread.total.notification_count - before.notification_count + notifications,
    highlight_count: unread.total.highlight_count - before.highlight_count + highlights,
  };
  if (thread === "main") return { total, main: count, threads: unread.threads };
  const threads = new Map(unread.threads);
  if (notifications > 0) threads.set(thread, count);
  else threads.delete(thread);
  return { total, main: unread.main, threads };
}

export function plus(unread: Unread, thread: string, notifications: number, highlights: number): Unread {
  const before = countOf(unread, thread);
  return withCount(
    unread,
    thread,
    before.notification_count + notifications,
    before.highlight_count + highlights,
  );
}

/** JSON: thread → [notifications, highlights]. */
export function unreadToText({ main, threads }: Unread): string {
  const counts = [["main", main] as const, ...threads]
    .filter(([, count]) => count.notification_count > 0)
    .map(([thread, count]) => [thread, [count.notification_count, count.highlight_count]]);
  return JSON.stringify(Object.fromEntries(counts));
}

export function unreadFromText(text: string): Unread {
  let unread = nothingUnread;
  for (const [thread, [notifications, highlights]] of Object.entries(
    JSON.parse(text) as Record<string, [number, number]>,
  )) {
    unread = plus(unread, thread, notifications, highlights);
  }
  return unread;
}
