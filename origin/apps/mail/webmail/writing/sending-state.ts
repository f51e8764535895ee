import { html } from "hono/html";
import type { Markup } from "../../../../pages/layout.ts";
import type { MailContext } from "../../mail-context.ts";
import type { Recipient, SubmissionRow } from "../../sending/submission-store.ts";
import { formatId } from "../../jmap/ids.ts";

/** What became of a message that was sent, as far as the relay has told. */
export type SendingState =
  | { readonly kind: "held"; readonly submission: SubmissionRow }
  | { readonly kind: "queued" | "sent"; readonly recipients: readonly Recipient[] }
  | { readonly kind: "failed"; readonly recipients: readonly Recipient[] };

export function sendingStateOf(
  { submissions, now }: Pick<MailContext, "submissions" | "now">,
  account: number,
  email: number,
): SendingState | undefined {
  const [submission] = submissions.ofEmail(account, email);
  if (!submission || submission.undo === "canceled") return undefined;
  const recipients = submissions.recipientsOf(submission.id);
  if (submission.sendAt > now()) return { kind: "held", submission };
  const failed = recipients.filter(({ state }) => state === "failed");
  if (failed.length > 0) return { kind: "failed", recipients: failed };
  const waiting = recipients.filter(({ state }) => state === "queued" || state === "sending");
  return waiting.length > 0 ? { kind: "queued", recipients: waiting } : { kind: "sent", recipients };
}

/** In a line of a list. */
export function noteOfSending(mail: MailContext, account: number, email: number): Markup | string {
  const state = sendingStateOf(mail, account, email);
  if (state?.kind === "failed") return html`<b class="failed">Not delivered</b>`;
  return state?.kind === "held" || state?.kind === "queued" ? html`<i>Waiting</i>` : "";
}

/** Above an open message. */
export function showSending(mail: MailContext, account: number, email: number): Markup | string {
  const state = sendingStateOf(mail, account, email);
  switch (state?.kind) {
    case "held":
      return html`<form class="sending" method="post" action="/unsend"><span>This goes out in a few seconds.</span>
<input type="hidden" name="submission" value="${formatId("submission", state.submission.id)}">
<button class="quiet">Do not send it</button></form>`;
    case "queued":
      return html`<div class="sending"><p>Waiting to be sent.</p>${repliesOf(state.recipients)}</div>`;
    case "failed":
      return html`<div class="alert"><p>Not delivered.</p>${repliesOf(state.recipients)}</div>`;
    case "sent":
      return html`<p class="sending">Sent.</p>`;
    default:
      return "";
  }
}

/** To whom, and the relay's words. */
const repliesOf = (recipients: readonly Recipient[]): Markup =>
  html`<ul>${recipients
    .slice(0, 20)
    .map(
      ({ address, reply }) =>
        html`<li>${address}${reply === "" ? "" : html`: <q>${reply.slice(0, 500)}</q>`}</li>`,
    )}</ul>`;
