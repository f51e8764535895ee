import { createWorkThread, type ThreadLimits } from "../../message/work-thread.ts";

/** A page that somebody sent, and what of it may be shown. */
export interface PageWork {
  readonly html: string;
  /** Whether pictures of other servers stay in. */
  readonly pictures: boolean;
  /** Pictures that came with the message, by their Content-ID: `data:` addresses. */
  readonly inline: Readonly<Record<string, string>>;
}

export type HtmlWork =
  | ({ readonly kind: "page" } & PageWork)
  | { readonly kind: "text"; readonly html: string };

/** Works in a thread of its own, which is there only while somebody reads: a large newsletter takes a phone a second. */
export interface HtmlCleaner {
  /** What may be shown of a page, without `html`, `head` and `body`. Throws HtmlTooCostlyError. */
  clean(page: PageWork): Promise<string>;
  /** Its words. Where that costs too much, it says so. */
  textOf(html: string): Promise<string>;
  close(): Promise<void>;
}

export class HtmlTooCostlyError extends Error {
  override name = "HtmlTooCostlyError";
}

/** What a stranger's page may hold others up. */
const usualLimits: ThreadLimits = { longestMs: 10_000, mostMegabytes: 96 };

export function createHtmlCleaner(limits = usualLimits): HtmlCleaner {
  const thread = createWorkThread<HtmlWork, string>({
    file: new URL("./cleaner-thread.ts", import.meta.url),
    limits,
    tooCostly: () => new HtmlTooCostlyError("Cleaning the page took more time or memory than one may."),
    faultOf: ({ message }) => new HtmlTooCostlyError(message),
  });
  return {
    clean: (page) => thread.run({ kind: "page", ...page }),
    textOf: (html) =>
      thread.run({ kind: "text", html }).catch(() => "(This page takes too much to be read as text.)"),
    close: () => thread.close(),
  };
}
