/** The member's own pages: browsers, chat devices, password, and confirming that it is them. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { idHost, openSignInHouse, filesHost } from "../../gate/sign-in-house.ts";
import { appCode } from "../../support/app-code.ts";
import { memberPassword } from "../../members/open-members.ts";

const session = "__Host-burrow-session";

/** ben in two browsers, and with one chat app. */
async function openAccount(t: TestContext) {
  const house = await openSignInHouse(t);
  const [browser, other] = [house.openBrowser(), house.openBrowser()];
  for (const each of [other, browser]) {
    await each.signIn();
    house.clock.now += 1;
  }
  const { deviceId } = await house.members.openSession(house.benId, {
    deviceId: `PHONE"><b>`,
    displayName: "My <phone>",
    address: "2001:db8:7:8::9",
  });
  const idOf = (each: typeof browser): number =>
    house.members.webSessions.find(each.cookies.get(idHost)?.get(session) ?? "", idHost)?.id ?? 0;
  return { ...house, browser, other, deviceId, idOf };
}

test("a member sees the browsers they are signed in with, names them, and signs them out", async (t) => {
  const { browser, other, clock, idOf, members, benId, ownerId } = await openAccount(t);
  clock.now += 3 * 60 * 60 * 1000;
  const page = await browser.send(idHost, "/sessions");
  assert.equal(page.text.match(/Firefox on Android<\/strong>/g)?.length, 2);
  assert.equal(page.text.match(/this browser/g)?.length, 1);
  assert.match(page.text, /3 hours ago<\/time> from 192\.0\.2\.0\/24/);

  const renamed = await browser.post(idHost, `/sessions/${idOf(other)}/name`, {
    name: ` Kitchen\u202e <i>tablet `,
  });
  assert.equal(renamed.headers.get("location"), "/sessions?done=renamed");
  assert.match((await browser.send(idHost, "/sessions")).text, /<strong>Kitchen &lt;i&gt;tablet<\/strong>/);
  const tooLong = await browser.post(idHost, `/sessions/${idOf(other)}/name`, { name: "x".repeat(101) });
  assert.deepEqual([tooLong.status, /shorter name/.test(tooLong.text)], [422, true]);

  // Of somebody else, and of nobody: nothing happens.
  const adas = await members.webSessions.open(ownerId, { host: idHost, userAgent: "", address: "192.0.2.9" });
  for (const id of [adas.id, 0, -1, 999_999]) {
    assert.equal((await browser.post(idHost, `/sessions/${id}/end`)).status, 303);
    await browser.post(idHost, `/sessions/${id}/name`, { name: "stolen" });
  }
  assert.equal(members.webSessions.list(ownerId)[0]?.name, null);
  await browser.post(idHost, `/sessions/${idOf(other)}/end`);
  assert.equal((await other.send(idHost, "/")).status, 303);
  assert.equal((await browser.send(idHost, "/")).status, 200);
  assert.equal(members.webSessions.list(benId).length, 1);
});

test("all others are signed out at once, or everywhere", async (t) => {
  const { browser, other, members, benId, ownerId } = await openAccount(t);
  await members.webSessions.open(ownerId, { host: idHost, userAgent: "", address: "192.0.2.9" });
  await other.open(filesHost, "/");
  await browser.post(idHost, "/sessions/end-others");
  assert.equal((await other.send(filesHost, "/", { headers: { accept: "application/json" } })).status, 401);
  assert.equal((await browser.send(idHost, "/")).status, 200);
  const all = await browser.post(idHost, "/sessions/end-all");
  assert.equal(browser.cookies.get(idHost)?.has(session), false);
  assert.match((await browser.send(idHost, all.headers.get("location") ?? "")).text, /Signed out/);
  assert.deepEqual(
    [members.webSessions.list(benId).length, members.webSessions.list(ownerId).length],
    [0, 1],
  );
  // Chat apps are another matter.
  assert.equal(members.devices(benId).length, 1);
});

test("chat devices are listed, named and signed out, whatever their clients called them", async (t) => {
  const { browser, members, benId, deviceId } = await openAccount(t);
  const page = (await browser.send(idHost, "/devices")).text;
  assert.match(page, /My &lt;phone&gt;<\/strong>/);
  assert.match(page, /from 2001:db8:7::\/48/);
  assert.doesNotMatch(page, /"><b>|8::9/);
  await browser.post(idHost, "/devices/name", { device: deviceId, name: "Old phone" });
  assert.equal(members.devices(benId)[0]?.displayName, "Old phone");
  assert.deepEqual(
    members
      .changesSince(0, 99)
      .filter(({ kind }) => kind === "device-renamed")
      .map(({ deviceId: id }) => id),
    [deviceId],
  );
  await browser.post(idHost, "/devices/end", { device: "NOSUCH" });
  assert.equal(members.devices(benId).length, 1);
  await browser.post(idHost, "/devices/end", { device: deviceId });
  assert.deepEqual(members.devices(benId), []);
  assert.match((await browser.send(idHost, "/devices")).text, /signed in with no chat app/);
});

test("a new password takes the old one, and signs every other browser out", async (t) => {
  const { browser, other, members, benId, kdf } = await openAccount(t);
  const change = (current: string, password: string, more: Record<string, string> = {}) =>
    browser.post(idHost, "/password", { current, password, ...more });
  const wrong = await change("not my password", "marble otter thimble");
  assert.deepEqual(
    [wrong.status, wrong.context.guess, /current password/.test(wrong.text)],
    [403, "failed", true],
  );
  const weak = await change(memberPassword, "short");
  assert.deepEqual([weak.status, weak.context.guess, /12 characters/.test(weak.text)], [422, "ok", true]);
  assert.doesNotMatch(weak.text, /violet|"short"/);
  assert.equal((await other.send(idHost, "/")).status, 200);

  const done = await change(memberPassword, "marble otter thimble");
  assert.match((await browser.send(idHost, done.headers.get("location") ?? "")).text, /password is changed/);
  assert.equal((await other.send(idHost, "/")).status, 303);
  assert.equal(members.devices(benId).length, 1);
  assert.equal((await other.signIn()).status, 403);
  await change("marble otter thimble", memberPassword, { devices: "end" });
  assert.equal(members.devices(benId).length, 0);

  // Guesses at the password in a browser that was left open are as limited as at the sign-in.
  const answers: number[] = [];
  for (let tries = 0; tries < 40; tries += 1) {
    answers.push((await change(`guess ${tries}`, "marble otter thimble")).status);
  }
  assert.equal(answers[0], 403);
  assert.ok(answers.filter((status) => status === 403).length <= 31, String(answers));
  const before = kdf.calls;
  assert.equal((await change("one more", "marble otter thimble")).status, 429);
  assert.equal(kdf.calls, before);
});

test("what matters asks for the password again after ten minutes, and goes on from there", async (t) => {
  const { browser, clock } = await openAccount(t);
  assert.equal((await browser.send(idHost, "/factors")).status, 200);
  clock.now += 10 * 60 * 1000;
  const asked = await browser.send(idHost, "/factors");
  assert.equal(asked.headers.get("location"), "/confirm?next=%2Ffactors");
  const script = await browser.post(idHost, "/factors/passkeys/options", {}, { accept: "application/json" });
  assert.deepEqual([script.status, JSON.parse(script.text).error], [401, "sign_in_again"]);
  const wrong = await browser.post(idHost, "/confirm", { password: "wrong", next: "/factors" });
  assert.deepEqual([wrong.status, wrong.context.guess], [403, "failed"]);
  const right = await browser.post(idHost, "/confirm", { password: memberPassword, next: "//evil.example" });
  assert.equal(right.headers.get("location"), "/");
  assert.equal((await browser.send(idHost, "/factors")).status, 200);
});

test("whoever has a second factor confirms with it beside the password, and changes the password after that only", async (t) => {
  const { browser, clock, members, benId } = await openAccount(t);
  const device = { via: "device" } as const;
  const { secret } = await members.totp.begin(device, benId);
  await members.totp.confirm(device, benId, appCode(secret, clock.now));
  const [recovery = ""] = await members.recoveryCodes.regenerate(device, benId);
  clock.now += 10 * 60 * 1000;
  const isFresh = async (): Promise<boolean> => (await browser.send(idHost, "/factors")).status === 200;
  const change = () =>
    browser.post(idHost, "/password", { current: memberPassword, password: "marble otter thimble" });
  for (const answer of [await browser.send(idHost, "/password"), await change()])
    assert.equal(answer.headers.get("location"), "/confirm?next=%2Fpassword");
  assert.match(
    (await browser.send(idHost, "/confirm")).text,
    /Six digits from your authenticator app, or a recovery code/,
  );

  const code = appCode(secret, clock.now);
  for (const fields of [
    { password: memberPassword },
    { password: memberPassword, code: "000000" },
    { password: memberPassword, code: recovery.slice(1) },
    { password: "wrong", code },
    { password: "wrong", code: recovery },
    { code },
  ] as Record<string, string>[]) {
    const wrong = await browser.post(idHost, "/confirm", fields);
    assert.deepEqual([wrong.status, wrong.context.guess], [403, "failed"], JSON.stringify(fields));
    assert.match(wrong.text, /The password or the code is not right/);
  }
  assert.equal(await isFresh(), false);
  assert.equal((await browser.post(idHost, "/confirm", { password: memberPassword, code })).status, 303);
  assert.equal(await isFresh(), true);
  assert.equal((await change()).headers.get("location"), "/?done=password");

  clock.now += 10 * 60 * 1000;
  const again = { password: "marble otter thimble", code: recovery };
  assert.equal((await browser.post(idHost, "/confirm", again)).status, 303);
  clock.now += 10 * 60 * 1000;
  assert.equal((await browser.post(idHost, "/confirm", again)).status, 403, "each recovery code works once");
});

test("every page and act is for who is signed in, and every act for a page of this host", async (t) => {
  const { browser, openBrowser, members, benId, deviceId, idOf, other } = await openAccount(t);
  const stranger = openBrowser();
  for (const path of ["/", "/sessions", "/devices", "/password", "/confirm", "/factors", "/keys"]) {
    const reply = await stranger.send(idHost, path);
    const next = new URL(reply.headers.get("location") ?? "", `https://${idHost}`);
    assert.deepEqual([reply.status, next.pathname], [303, "/sign-in"], path);
    assert.equal(next.searchParams.get("next"), path);
    assert.equal((await browser.send(idHost, path)).status, 200, path);
  }
  const acts: [path: string, fields: Record<string, string>][] = [
    [`/sessions/${idOf(other)}/name`, { name: "stolen" }],
    [`/sessions/${idOf(other)}/end`, {}],
    ["/sessions/end-others", {}],
    ["/sessions/end-all", {}],
    ["/devices/name", { device: deviceId, name: "stolen" }],
    ["/devices/end", { device: deviceId }],
    ["/password", { current: memberPassword, password: "marble otter thimble" }],
    ["/confirm", { password: memberPassword }],
  ];
  for (const [path, fields] of acts) {
    const foreign = await browser.post(idHost, path, fields, {
      origin: `https://${filesHost}`,
      "sec-fetch-site": "same-site",
    });
    assert.equal(foreign.status, 403, path);
    assert.equal((await browser.post(idHost, path, fields, { origin: "" })).status, 403, path);
    const nobody = await stranger.post(idHost, path, fields);
    assert.deepEqual([nobody.status, nobody.headers.get("location")], [303, "/sign-in?next=%2F"], path);
    const noForm = await browser.send(idHost, path, {
      method: "POST",
      body: "{}",
      headers: { origin: `https://${idHost}`, "content-type": "application/json" },
    });
    assert.equal(noForm.status, 415, path);
    assert.equal((await browser.send(idHost, path, { method: "PUT" })).status, 405, path);
  }
  assert.equal(members.webSessions.list(benId).length, 2);
  assert.deepEqual(
    members.webSessions.list(benId).map(({ name }) => name),
    [null, null],
  );
  assert.equal(members.devices(benId)[0]?.displayName, "My <phone>");
  assert.ok(await members.verifyPassword("ben", memberPassword));
});
