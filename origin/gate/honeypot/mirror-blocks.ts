import type { Alerts } from "../../host/alerts/alerts.ts";
import type { Log } from "../../host/log.ts";
import type { Blocks } from "./blocks.ts";
import { type BlockList, BlockListError } from "./cloudflare-list.ts";

const MINUTE_MS = 60_000;
/** Blocks come in flocks, and one writing of the list may be under way in an account at a time. */
const WRITE_EVERY_MS = MINUTE_MS;
/** Ended blocks are taken out so long after they ended, at most. */
const LOOK_EVERY_MS = 30 * MINUTE_MS;
const LONGEST_PAUSE_MS = 60 * MINUTE_MS;

/** Keeps a list outside at what is blocked here: now, after each change, and again where it failed. */
export function mirrorBlocks(options: {
  blocks: Pick<Blocks, "list" | "onChange">;
  list: BlockList;
  alerts: Pick<Alerts, "raise" | "clear">;
  log: Log;
  writeEveryMs?: number;
}): { close(): void } {
  const { blocks, list, alerts, log, writeEveryMs = WRITE_EVERY_MS } = options;
  let written: string | undefined;
  let pause = writeEveryMs;
  let writing = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const wanted = (): string =>
    JSON.stringify(
      blocks
        .list()
        .map(({ source }) => source)
        .toSorted(),
    );

  function schedule(ms: number): void {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void write(), ms).unref();
  }

  async function write(): Promise<void> {
    const next = wanted();
    if (next !== written) {
      writing = true;
      try {
        await list.replace(blocks.list());
        written = next;
        pause = writeEveryMs;
        alerts.clear("honeypot-cloudflare");
      } catch (error) {
        note(error);
      }
      writing = false;
    }
    schedule(wanted() === written ? LOOK_EVERY_MS : pause);
  }

  function note(error: unknown): void {
    const permanent = error instanceof BlockListError && error.permanent;
    pause = permanent ? LONGEST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pause * 2);
    const reason = error instanceof Error ? error.message : String(error);
    log.warn("honeypot.list-not-written", { reason });
    if (!permanent) return;
    alerts.raise({
      id: "honeypot-cloudflare",
      severity: "warning",
      title: "Cloudflare does not take the block list",
      detail: `${reason}. Here and at the edge the sources are refused all the same. Check honeypot.cloudflare_account, honeypot.cloudflare_list and the token's right to edit account filter lists: burrow rotate cloudflare-list-token`,
    });
  }

  // While it is being written, what has changed shows when that is done.
  blocks.onChange(() => {
    if (!writing) schedule(pause);
  });
  schedule(0);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
