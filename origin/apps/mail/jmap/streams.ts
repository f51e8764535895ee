import type { Members } from "../../../members/members.ts";

/** The event streams that are open, by account: bounded, and ended when their member may no longer follow. */
export interface Streams {
  /** False: there are as many as may be. */
  open(account: number, most: number): boolean;
  close(account: number): void;
  /** Calls `end` when the account's sessions end, or the app stops. Returns the undo. */
  onEnd(account: number, end: () => void): () => void;
  closeAll(): void;
}

export function createStreams(members: Pick<Members, "onChange" | "get" | "changesSince">): Streams {
  const open = new Map<number, { count: number; ends: Set<() => void> }>();
  let seen = members.changesSince(0, Number.MAX_SAFE_INTEGER).at(-1)?.seq ?? 0;
  const forget = members.onChange(() => {
    for (const change of members.changesSince(seen, 10_000)) {
      seen = change.seq;
      // Whoever it was asks again, and is judged again; a mail program does so by itself.
      for (const end of open.get(change.memberId)?.ends ?? []) end();
    }
  });
  const of = (account: number) => {
    let entry = open.get(account);
    if (!entry) open.set(account, (entry = { count: 0, ends: new Set() }));
    return entry;
  };
  return {
    open(account, most) {
      const entry = of(account);
      if (entry.count >= most) return false;
      entry.count += 1;
      return true;
    },
    close(account) {
      const entry = of(account);
      entry.count -= 1;
      if (entry.count <= 0 && entry.ends.size === 0) open.delete(account);
    },
    onEnd(account, end) {
      const { ends } = of(account);
      ends.add(end);
      return () => void ends.delete(end);
    },
    closeAll() {
      forget();
      for (const { ends } of open.values()) for (const end of ends) end();
    },
  };
}
