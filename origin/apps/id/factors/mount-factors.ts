import type { Hono } from "hono";
import { originOf } from "../../../http/same-origin.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Page } from "../../../pages/layout.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { factorsPage } from "./factors-page.ts";
import { type Act, type FactorParts, idOf, mountAct } from "./member-act.ts";
import { recoveryCodesPage } from "./recovery-codes-page.ts";
import { totpPage, totpRetryPage } from "./totp-page.ts";

const page = "/factors";

/** What the page says after an act: the address names one of these and nothing else. */
const doneTexts: Readonly<Record<string, string>> = {
  added: "The passkey is added.",
  renamed: "The passkey has its new name.",
  removed: "The passkey is removed. It may still be listed where it is kept: delete it there, too.",
  app: "The authenticator app is set up.",
  "no-app": "The authenticator app is removed.",
};

/** A member's passkeys, authenticator app and recovery codes (G10). */
export function mountFactors(routes: Hono<HttpEnv>, parts: FactorParts): void {
  const { members, config } = parts.context;
  const { passkeys, totp, recoveryCodes } = members;

  routes.get(page, async (c) => {
    const identity = await parts.requireFresh(c, page);
    if (identity instanceof Response) return identity;
    const { memberId } = identity;
    const wished = c.req.query("done") ?? "";
    return parts.layout(
      c,
      factorsPage({
        held: members.secondFactors(memberId),
        passkeys: passkeys.list(memberId),
        totpSince: totp.enrolledAt(memberId),
        script: parts.scripts.passkey,
        done: Object.hasOwn(doneTexts, wished) ? doneTexts[wished] : undefined,
      }),
    );
  });

  /** With the first factor come the recovery codes: nobody makes them later. */
  async function added({ authority, identity }: Act, done: string): Promise<Page | Response> {
    const { memberId } = identity;
    if (recoveryCodes.remaining(memberId) > 0) return goBack(done);
    const codes = await recoveryCodes.regenerate(authority, memberId);
    const { serverName } = config;
    return recoveryCodesPage({
      codes,
      serverName,
      script: parts.scripts.shownOnce,
      done: doneTexts[done] ?? "",
    });
  }

  const act = (path: string, work: (act: Act) => Promise<Page | Response>) =>
    mountAct(routes, parts, { path: `${page}${path}`, page, work });

  mountAct(routes, parts, {
    path: `${page}/passkeys/options`,
    page,
    work: async ({ c, authority, identity }) =>
      c.json(await passkeys.beginRegistration(authority, identity.memberId)),
    refused: ({ c }, message) => c.json({ code: "refused", message }, 409),
  });
  act("/passkeys", async (asked) => {
    const { c, authority, identity, field } = asked;
    await passkeys.register(authority, {
      memberId: identity.memberId,
      answer: parseAnswer(field("answer")),
      origin: originOf(c.env.context.client),
      name: field("name"),
    });
    return added(asked, "added");
  });
  act("/passkeys/:id/name", async ({ c, authority, identity, field }) => {
    await passkeys.rename(authority, identity.memberId, idOf(c), field("name"));
    return goBack("renamed");
  });
  act("/passkeys/:id/remove", async ({ c, authority, identity }) => {
    await passkeys.remove(authority, identity.memberId, idOf(c));
    return goBack("removed");
  });
  act("/authenticator", async ({ authority, identity }) =>
    totpPage(await totp.begin(authority, identity.memberId)),
  );
  mountAct(routes, parts, {
    path: `${page}/authenticator/confirm`,
    page,
    async work(asked) {
      await totp.confirm(asked.authority, asked.identity.memberId, asked.field("code"));
      return added(asked, "app");
    },
    refused: (_asked, message) => totpRetryPage(message),
  });
  act("/authenticator/remove", async ({ authority, identity }) => {
    await totp.remove(authority, identity.memberId);
    return goBack("no-app");
  });
  act("/recovery-codes", async ({ authority, identity }) => {
    const codes = await recoveryCodes.regenerate(authority, identity.memberId);
    return recoveryCodesPage({ codes, serverName: config.serverName, script: parts.scripts.shownOnce });
  });
}

const goBack = (done: string): Response => redirectTo(`${page}?done=${done}`);

/** What the browser made of a ceremony; nonsense is no answer. */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
