import { findBlob } from "../../jmap/blobs.ts";
import { findEmail } from "../../jmap/email-get.ts";
import { formatBlobId } from "../../jmap/ids.ts";
import { serveBlob } from "../../jmap/serve-blob.ts";
import { serveFrame } from "../html/frame.ts";
import { leavesOf } from "../html/inline-pictures.ts";
import type { MailRoutes } from "../mail-routes.ts";
import type { WebmailContext } from "../webmail-context.ts";
import { notThere } from "../words-page.ts";
import { nameOf } from "./message-view.ts";

/** What of a message is no page: its HTML for the frame, its attachments and itself as downloads that can run nothing. */
export function mountDownloads(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail } = webmail;
  routes.page("/email/:email/frame", (c, reader) => serveFrame(webmail, c, reader));
  routes.page("/email/:email/part/:part", (c, { account }) => {
    const email = findEmail(mail, account, c.req.param("email") ?? "");
    const wanted = c.req.param("part");
    const part =
      email && leavesOf(mail.emails.bodyOf(email.hash).root).find(({ partId }) => partId === wanted);
    const blob =
      part && findBlob(mail, account, formatBlobId({ hash: email.hash, partId: part.partId ?? undefined }));
    if (!blob) return notThere("There is no such attachment.");
    const { type, name } = part;
    return serveBlob(blob, { type, name: name ?? nameOf(type), isHead: c.req.method === "HEAD" });
  });
  routes.page("/email/:email/original", (c, { account }) => {
    const email = findEmail(mail, account, c.req.param("email") ?? "");
    const blob = email && findBlob(mail, account, formatBlobId({ hash: email.hash, partId: undefined }));
    if (!blob) return notThere("There is no such message.");
    return serveBlob(blob, { type: "message/rfc822", name: "message.eml", isHead: c.req.method === "HEAD" });
  });
}
