import { createWorkThread, type ThreadLimits, type WorkThread } from "../../message/work-thread.ts";

/** A page that somebody sent, and what of it may be shown. */
export interface HtmlWork {
  readonly html: string;
  /** Whether pictures of other servers stay in. */
  readonly pictures: boolean;
  /** Pictures that came with the message, by their Content-ID: `data:` addresses. */
  readonly inline: Readonly<Record<string, string>>;
}

export interface CleanHtml {
  /** Of a body, without `html`, `head` and `body`. */
  readonly html: string;
  /** Pictures that were left out since they lie on other servers. */
  readonly blocked: number;
}

/** Cleans in a thread of its own, which is there only while somebody reads: a large newsletter takes a phone a second. */
export type HtmlCleaner = WorkThread<HtmlWork, CleanHtml>;

export class HtmlTooCostlyError extends Error {
  override name = "HtmlTooCostlyError";
}

const usualLimits: ThreadLimits = { longestMs: 20_000, mostMegabytes: 96 };

export function createHtmlCleaner(limits = usualLimits): HtmlCleaner {
  return createWorkThread<HtmlWork, CleanHtml>({
    file: new URL("./cleaner-thread.ts", import.meta.url),
    limits,
    tooCostly: () => new HtmlTooCostlyError("Cleaning the page took more time or memory than one may."),
    faultOf: ({ message }) => new HtmlTooCostlyError(message),
  });
}
