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
  /**
   * What may be shown of a page, without `html`, `head` and `body`. `key` names the page: one that took too much is
   * refused at once for an hour, whoever opens it again. Throws HtmlTooCostlyError.
   */
  clean(key: string, page: PageWork): Promise<string>;
  /** Its words. Where that costs too much, it says so. */
  textOf(html: string): Promise<string>;
  close(): Promise<void>;
}

export class HtmlTooCostlyError extends Error {
  override name = "HtmlTooCostlyError";
}

const tooCostly = (): HtmlTooCostlyError =>
  new HtmlTooCostlyError("Cleaning the page took more time or memory than one may.");

/** What a stranger's page may hold others up. A newsletter of half a megabyte takes a slow phone a second. */
const usualLimits: ThreadLimits = { longestMs: 4000, mostMegabytes: 96 };

/** A device that had other things to do may manage it the next time. */
const refusedForMs = 60 * 60 * 1000;
const mostRefused = 1000;

export function createHtmlCleaner(now: () => number, limits = usualLimits): HtmlCleaner {
  /** When each was refused, the newest last. */
  const refused = new Map<string, number>();
  const thread = createWorkThread<HtmlWork, string>({
    file: new URL("./cleaner-thread.ts", import.meta.url),
    limits,
    tooCostly,
    faultOf: ({ message }) => new HtmlTooCostlyError(message),
  });
  function note(key: string): void {
    refused.delete(key);
    const [oldest] = refused.keys();
    if (refused.size >= mostRefused && oldest !== undefined) refused.delete(oldest);
    refused.set(key, now());
  }

  return {
    async clean(key, page) {
      if (now() - (refused.get(key) ?? -Infinity) < refusedForMs) throw tooCostly();
      try {
        return await thread.run({ kind: "page", ...page });
      } catch (error) {
        if (error instanceof HtmlTooCostlyError) note(key);
        throw error;
      }
    },
    textOf: (html) =>
      thread.run({ kind: "text", html }).catch(() => "(This page takes too much to be read as text.)"),
    close: () => thread.close(),
  };
}
