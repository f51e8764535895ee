import type { Context, Hono } from "hono";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Assets } from "../../../pages/assets.ts";
import type { Layout, Markup } from "../../../pages/layout.ts";
import type { JmapUser, MethodTable } from "../jmap/method.ts";
import type { MailContext } from "../mail-context.ts";
import type { HtmlCleaner } from "./html/html-cleaner.ts";
import type { ThreadLists } from "./reading/thread-lists.ts";
import type { UndoStore } from "./undo-store.ts";
import type { Zone } from "./zone.ts";

/** What every page of the webmail is given. Built once, by mount-webmail.ts. */
export interface WebmailContext {
  readonly mail: MailContext;
  readonly routes: Hono<HttpEnv>;
  readonly layout: Layout;
  readonly assets: Assets;
  /** The methods of JMAP: what a page changes it changes by them, under the same rules as a mail program. */
  readonly tables: readonly MethodTable[];
  readonly cleaner: HtmlCleaner;
  readonly lists: ThreadLists;
  readonly undo: UndoStore;
  /** Where the account is looked after. */
  readonly signInUrl: (c: Context<HttpEnv>) => string;
}

/** Who looks, and in which time zone. */
export interface Reader extends JmapUser {
  readonly zone: Zone;
}

/** A page of the webmail, before its frame. */
export interface MailPage {
  readonly title: string;
  readonly body: Markup;
  /** The mailbox whose entry is marked in the list of mailboxes. */
  readonly mailbox?: number;
  /** What stands in the search box. */
  readonly search?: string;
  readonly status?: 200 | 400 | 403 | 404 | 409 | 413 | 422 | 503;
  /** `Set-Cookie` fields. */
  readonly cookies?: readonly string[];
}
