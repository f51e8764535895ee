import { parseEdgeKey } from "../../shared/edge-key.ts";
import {
  type Heartbeat,
  HEARTBEAT_EVERY_MS,
  HEARTBEAT_HEADER,
  HEARTBEAT_MAX_BYTES,
  HEARTBEAT_PATH,
  type HeartbeatAnswer,
  parseHeartbeatAnswer,
} from "../../shared/heartbeat.ts";
import type { Database } from "../storage/database.ts";
import { noteFact } from "./facts.ts";
import type { Log } from "./log.ts";
import { OutboundError } from "./outbound/outbound-error.ts";
import type { Outbound } from "./outbound/outbound.ts";
import { signOrder } from "./sign-order.ts";
import { createLine } from "./turns.ts";

/** In host.db: when the edge last took a sign of life, which level it was told. */
export const heartbeatFact = "heartbeat";

/** Signs of life to the edge (E10), which alerts the owner when they stay away. */
export interface SignsOfLife {
  /** Ends them, after the one that is under way. */
  close(): Promise<void>;
}

/** A level that the edge has not heard of is told again so soon. */
const tellAgainMs = 10_000;

/**
 * Calls the edge by itself every five minutes, and at once when the panic level changes, so that the edge answers in
 * the origin's place without having asked it.
 */
export function createSignsOfLife(options: {
  publicUrl: string;
  /** Key lines, the newest first: during an exchange the edge knows one of two. */
  readKeys: () => readonly string[];
  outbound: Pick<Outbound, "fetch">;
  panic: { level: () => Heartbeat["panic"]; onChange: (listener: () => void) => () => void };
  /** host.db. */
  database: Database;
  log: Log;
  now: () => number;
}): SignsOfLife {
  const { outbound, panic, database, log, now } = options;
  const url = new URL(HEARTBEAT_PATH, options.publicUrl).href;
  /** Edge's clock minus ours: the phone's may be wrong, and the edge judges by its own. */
  let ahead = 0;
  let heard: Heartbeat["panic"] = "none";
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function send(line: string, body: string): Promise<HeartbeatAnswer | undefined> {
    const key = parseEdgeKey(line);
    if (key === undefined) return undefined;
    const stamp = signOrder("heartbeat", key, Math.floor((now() + ahead) / 1000), body);
    const answer = await outbound.fetch("edge", url, {
      method: "POST",
      headers: { [HEARTBEAT_HEADER]: stamp, "content-type": "application/json" },
      body,
      maxBytes: HEARTBEAT_MAX_BYTES,
    });
    const text = await answer.text();
    return answer.ok ? parseHeartbeatAnswer(text) : undefined;
  }

  async function tell(level: Heartbeat["panic"]): Promise<boolean> {
    const body = JSON.stringify({ panic: level } satisfies Heartbeat);
    for (const line of options.readKeys()) {
      let answer = await send(line, body);
      if (answer && !answer.heard) {
        // The first may be stale by the clock that it teaches.
        ahead = answer.time - now();
        answer = await send(line, body);
      }
      if (answer) return answer.heard;
    }
    return false;
  }

  async function beatOnce(): Promise<void> {
    const level = panic.level();
    try {
      if (!(await tell(level))) {
        log.warn("heartbeat.refused");
        return;
      }
      heard = level;
      await noteFact(database, heartbeatFact, { value: level, notedAt: now() });
    } catch (error) {
      // What it was has been logged where it went out.
      if (!(error instanceof OutboundError)) log.error("heartbeat.failed", { error });
    } finally {
      if (!closed) {
        clearTimeout(timer);
        const isTold = heard === panic.level();
        timer = setTimeout(beatSoon, isTold ? HEARTBEAT_EVERY_MS : tellAgainMs).unref();
      }
    }
  }

  const line = createLine(beatOnce);
  function beatSoon(): void {
    void line.run();
  }

  const stopListening = panic.onChange(beatSoon);
  beatSoon();
  return {
    close() {
      closed = true;
      stopListening();
      clearTimeout(timer);
      return line.ended();
    },
  };
}
