/** E8: soft, hard and logins end with a passkey of the owner's, and with nobody else's. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  createPasskey,
  type SoftwarePasskey,
  signWithPasskey,
} from "../../support/software-authenticator.ts";
import { idHost, openSignInHouse } from "../sign-in-house.ts";

const origin = `https://${idHost}`;
const here = { origin, rpId: "example.org" };

test("the owner's passkey ends a panic, once for each challenge; a member's does not", async (t) => {
  const { members, ownerId, benId, panic, openBrowser } = await openSignInHouse(t);
  const browser = openBrowser();
  async function register(memberId: number): Promise<SoftwarePasskey> {
    const options = await members.passkeys.beginRegistration({ via: "device" }, memberId);
    const { passkey, answer } = createPasskey(options, here);
    await members.passkeys.register({ via: "device" }, { memberId, answer, origin, name: "" });
    return passkey;
  }
  async function answerBy(passkey: SoftwarePasskey, circumstances = here): Promise<string> {
    const { text } = await browser.post(idHost, "/panic/options");
    return JSON.stringify(signWithPasskey(passkey, JSON.parse(text) as { challenge: string }, circumstances));
  }
  const [adas, bens] = [await register(ownerId), await register(benId)];

  const page = await browser.send(idHost, "/panic");
  assert.equal(page.status, 200);
  assert.match(page.text, /data-ceremony="get" data-options="\/panic\/options"/);
  const quiet = page.text;
  await panic.set("hard");
  assert.equal((await browser.send(idHost, "/panic")).text, quiet, "it tells nobody whether there is one");

  const byOther = await answerBy(adas, { origin: "https://files.example.org", rpId: "example.org" });
  for (const answer of [await answerBy(bens), byOther, "{}", ""]) {
    const refused = await browser.post(idHost, "/panic", { answer });
    assert.deepEqual([refused.status, refused.context.guess], [403, "failed"]);
    assert.equal(panic.level(), "hard");
  }
  const answer = await answerBy(adas);
  const abroad = await browser.post(idHost, "/panic", { answer }, { origin: "https://evil.example.org" });
  assert.equal(abroad.status, 403);
  assert.equal(panic.level(), "hard");

  const cleared = await browser.post(idHost, "/panic", { answer });
  assert.equal(cleared.status, 200);
  assert.equal(panic.level(), "none");
  assert.deepEqual(cleared.headers.getSetCookie(), [], "it signs nobody in");
  await panic.set("soft");
  assert.equal((await browser.post(idHost, "/panic", { answer })).status, 403);
  assert.equal(panic.level(), "soft");
});
