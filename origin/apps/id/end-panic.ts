import { html } from "hono/html";
import type { PanicLatch } from "../../gate/panic/panic-latch.ts";
import { originOf } from "../../http/same-origin.ts";
import { answerForm, refuseOtherMethods } from "../../pages/answer-form.ts";
import type { Page } from "../../pages/layout.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { parseAnswer } from "./factors/mount-factors.ts";
import { passkeyForm } from "./factors/second-step-page.ts";
import type { IdContext } from "./id-context.ts";

/** As shared/panic.ts lets it through while everything else is closed. */
const path = "/panic";

/**
 * Where the owner ends a panic from afar, with a passkey alone: there is no signing in by then. Whether one is in force
 * the page tells nobody.
 */
export function mountEndPanic(id: IdContext, panic: Pick<PanicLatch, "clear">, script: string): void {
  const { routes, layout, members, guesses } = id;

  routes.get(path, (c) => layout(c, askPage(script)));

  routes.post(`${path}/options`, (c) =>
    answerForm(c, layout, () => Promise.resolve(c.json(members.passkeys.beginAuthentication()))),
  );

  routes.post(path, (c) =>
    answerForm(c, layout, async (fields) => {
      const answer = parseAnswer(fields.get("answer") ?? "");
      const origin = originOf(c.env.context.client);
      const owner = await guesses.attempt(c.env.context, { kind: "passkey" }, async () => {
        const member = await members.passkeys.authenticate({ answer, origin });
        return isOwner(member) ? member : undefined;
      });
      if (!owner) return { ...askPage(script, "This is not a passkey of the owner's."), status: 403 };
      await panic.clear();
      id.log.warn("panic.cleared", { by: owner.name, with: "passkey" });
      return done;
    }),
  );
  refuseOtherMethods(routes, layout, path, "GET, HEAD, POST");
  refuseOtherMethods(routes, layout, `${path}/options`, "POST");
}

function isOwner(member: { role: string; state: string; lockedAt: number | null } | undefined): boolean {
  return member?.role === "owner" && member.state === "active" && member.lockedAt === null;
}

function askPage(script: string, problem?: string): Page {
  return {
    title: problem === undefined ? "End a panic" : "Error: End a panic",
    scripts: [script],
    body: html`<div class="card">
<h1>End a panic</h1>
<p>The owner of this server opens it again here, with a passkey: to visitors, to signing in, and to its services.</p>
${passkeyForm(path, "Open the server again", problem)}
<p class="hint onward">Without a passkey: on the device, <code>burrow panic clear</code>.</p>
</div>`,
  };
}

const done: Page = plainPage(
  "Open again",
  "The server answers again. If somebody knows a password or has a device, change the one and sign out the other now.",
);
