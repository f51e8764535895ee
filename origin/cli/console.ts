import { format } from "node:util";
import type { Log } from "../host/log.ts";

/** What libraries print by themselves goes through the log, and so through its redactor. */
export function logConsole(log: Log): void {
  console.error = (...words: unknown[]) => log.error("console", { text: format(...words) });
  console.warn = (...words: unknown[]) => log.warn("console", { text: format(...words) });
  console.info = (...words: unknown[]) => log.debug("console", { text: format(...words) });
}
