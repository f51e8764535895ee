/** Signing in once, being handed over to app hosts, and signing out (rows G3 and G4), in one process. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { totpCode, totpStep } from "../../origin/members/factors/totp-code.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { filesHost, idHost, mailHost, openSignInHouse, type Reply } from "./sign-in-house.ts";

const day = 24 * 60 * 60 * 1000;
const session = "__Host-burrow-session";
const handOff = "__Host-burrow-handoff";
const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

const location = (reply: Reply): URL => new URL(reply.headers.get("location") ?? "", `https://${idHost}`);
const whoIs = (reply: Reply): string | undefined =>
  reply.status === 200 ? (JSON.parse(reply.text) as { name?: string }).name : undefined;

test("who opens an app signs in once, comes back to it, and is known to the next app without a word", async (t) => {
  const { openBrowser, members, benId } = await openSignInHouse(t);
  const browser = openBrowser();
  const first = await browser.open(filesHost, "/photos/2026?sort=new");
  assert.match(first.at, /^https:\/\/id\.example\.org\/sign-in\?next=/);
  assert.match(
    first.headers.get("content-security-policy") ?? "",
    /form-action 'self' https:\/\/files\.example\.org;/,
  );
  const next = new URL(first.at).searchParams.get("next") ?? "";
  const done = await browser.signIn("ben", memberPassword, next);
  assert.equal(done.status, 303);
  assert.equal(done.context.guess, "ok");
  const there = await browser.open(idHost, done.headers.get("location") ?? "");
  assert.equal(there.at, `https://${filesHost}/photos/2026?sort=new`);
  assert.equal(whoIs(there), "ben");
  assert.equal(whoIs(await browser.open(mailHost, "/")), "ben");
  const [listed, ...others] = members.webSessions.list(benId);
  assert.equal(others.length, 0);
  assert.deepEqual(
    [listed?.browser, listed?.network, listed?.hosts],
    ["Firefox on Android", "192.0.2.0/24", [filesHost, mailHost]],
  );
  assert.equal(whoIs(await browser.open(filesHost, "/again")), "ben");
});

test("cookies are of one host, hidden from scripts, encrypted on the way, and differ from host to host", async (t) => {
  const { openBrowser, ask } = await openSignInHouse(t);
  const browser = openBrowser();
  const signedIn = await browser.signIn();
  for (const field of signedIn.headers.getSetCookie()) {
    assert.match(field, /^__Host-burrow-\w+=[\w-]*; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Lax$/);
  }
  assert.match(
    signedIn.headers.getSetCookie()[0] ?? "",
    new RegExp(`^${session}=bwt_[\\w-]{43}; .*Max-Age=7776000;`),
  );
  await browser.open(filesHost, "/");
  const atId = browser.cookies.get(idHost)?.get(session) ?? "";
  const atFiles = browser.cookies.get(filesHost)?.get(session) ?? "";
  assert.notEqual(atId, atFiles);
  // Neither is worth anything on another host.
  for (const [host, cookie] of [
    [filesHost, atId],
    [mailHost, atFiles],
    [idHost, atFiles],
  ] as const) {
    const reply = await ask(host, host === idHost ? "/" : "/open", {
      headers: { cookie: `${session}=${cookie}` },
    });
    assert.equal(whoIs(reply), undefined, host);
  }
  // Two of the name are no browser's doing.
  const twice = `${session}=${atFiles}; ${session}=${atFiles}`;
  assert.equal(whoIs(await ask(filesHost, "/open", { headers: { cookie: twice } })), undefined);
  // Names that only look the same are not held to the rules of __Host-.
  for (const before of ["\u00a0", "\u0085", "\u000b", "x", "$", '"']) {
    const alike = `${before}${session}=${atFiles}`;
    assert.equal(whoIs(await ask(filesHost, "/open", { headers: { cookie: alike } })), undefined, before);
  }
  assert.equal(
    whoIs(await ask(filesHost, "/open", { headers: { cookie: `x=1; ${session}=${atFiles}` } })),
    "ben",
  );
});

test("a code signs in nobody but the browser that asked, once, on its host, within half a minute", async (t) => {
  const { openBrowser, clock, ask, members, benId } = await openSignInHouse(t);
  const attacker = openBrowser();
  await attacker.signIn();
  /** A code of ben's own, caught before it is used. */
  async function catchCode(): Promise<string> {
    const wish = await attacker.send(filesHost, "/", { headers: navigation });
    const given = await attacker.send(idHost, `/hand-off${location(wish).search}`);
    const { host, pathname, search } = location(given);
    assert.deepEqual([host, pathname], [filesHost, "/.burrow/arrive"]);
    return search;
  }
  const refused = (reply: Reply): void => {
    assert.equal(reply.status, 403);
    assert.equal(
      reply.headers.getSetCookie().some((field) => field.startsWith(session)),
      false,
    );
    assert.equal(reply.context.guess, "failed");
  };

  // Login CSRF: a victim is led to a link with the attacker's code. With no cookie, and with one of their own.
  const victim = openBrowser();
  refused(await victim.send(filesHost, `/.burrow/arrive${await catchCode()}`));
  await victim.send(filesHost, "/", { headers: navigation });
  assert.ok(victim.cookies.get(filesHost)?.has(handOff));
  refused(await victim.send(filesHost, `/.burrow/arrive${await catchCode()}`));

  // On another host; and it is used up by that.
  const code = await catchCode();
  const nonce = `${handOff}=${attacker.cookies.get(filesHost)?.get(handOff) ?? ""}`;
  refused(await ask(mailHost, `/.burrow/arrive${code}`, { headers: { cookie: nonce } }));
  refused(await ask(filesHost, `/.burrow/arrive${code}`, { headers: { cookie: nonce } }));

  const late = await catchCode();
  clock.now += 30_000;
  refused(await attacker.send(filesHost, `/.burrow/arrive${late}`));

  // The session that it was made from has ended meanwhile.
  const orphan = await catchCode();
  await members.webSessions.endAll(benId);
  refused(await attacker.send(filesHost, `/.burrow/arrive${orphan}`));
  await attacker.signIn();

  const good = await catchCode();
  const twice = await Promise.all([1, 2].map(() => attacker.send(filesHost, `/.burrow/arrive${good}`)));
  assert.deepEqual(
    twice.map(({ status }) => status).toSorted((a, b) => a - b),
    [303, 403],
  );
  for (const odd of ["", "?code=", `?code=${"A".repeat(43)}`, "?code=%00%0d%0a"]) {
    refused(await attacker.send(filesHost, `/.burrow/arrive${odd}`));
  }
});

test("two tabs that ask at the same time both arrive", async (t) => {
  const { openBrowser } = await openSignInHouse(t);
  const browser = openBrowser();
  const wishes = [
    await browser.send(filesHost, "/one", { headers: navigation }),
    await browser.send(filesHost, "/two", { headers: navigation }),
  ];
  await browser.signIn();
  for (const [at, path] of [
    [0, "/one"],
    [1, "/two"],
  ] as const) {
    const arrived = await browser.open(idHost, `/hand-off${location(wishes[at] as Reply).search}`);
    assert.deepEqual([arrived.at, whoIs(arrived)], [`https://${filesHost}${path}`, "ben"]);
  }
});

test("a hand-off goes to hosts of ours only, and never back to the sign-in host", async (t) => {
  const { openBrowser } = await openSignInHouse(t);
  const browser = openBrowser();
  await browser.signIn();
  const state = "A".repeat(43);
  for (const host of [
    "evil.example",
    "evil.example.org",
    idHost,
    "",
    "files.example.org:8443",
    "files.example.org@evil.example",
    "FILES.example.org",
    "files.example.org/",
  ]) {
    const query = new URLSearchParams({ host, state, next: "/" }).toString();
    const reply = await browser.send(idHost, `/hand-off?${query}`);
    assert.deepEqual([reply.status, reply.headers.get("location")], [400, null], host);
  }
  for (const bad of ["", "short", `${state}A`, `${state.slice(1)}\r`, "é".repeat(43)]) {
    const query = new URLSearchParams({ host: filesHost, state: bad, next: "/" }).toString();
    assert.equal((await browser.send(idHost, `/hand-off?${query}`)).status, 400, JSON.stringify(bad));
  }
});

test("ending the sign-in ends every app's session with it, and tells each of them", async (t) => {
  const { openBrowser, members, benId } = await openSignInHouse(t);
  const browser = openBrowser();
  await browser.signIn();
  await browser.open(filesHost, "/");
  await browser.open(mailHost, "/");
  const ids = await Promise.all(
    [filesHost, mailHost].map(
      async (host) =>
        (JSON.parse((await browser.send(host, "/open")).text) as { sessionId: number }).sessionId,
    ),
  );
  const out = await browser.post(idHost, "/sign-out");
  assert.equal(out.status, 200);
  assert.match(out.headers.getSetCookie().join(), new RegExp(`${session}=; .*Max-Age=0`));
  for (const host of [filesHost, mailHost]) {
    assert.equal((await browser.send(host, "/api", { headers: { accept: "application/json" } })).status, 401);
  }
  const told = members.changesSince(0, 100).filter(({ kind }) => kind === "web-session-ended");
  assert.deepEqual(
    told
      .map(({ webSessionId }) => webSessionId)
      .slice(0, 2)
      .toSorted((a, b) => Number(a) - Number(b)),
    ids.toSorted((a, b) => a - b),
  );
  assert.equal(told.length, 3);
  assert.deepEqual(members.webSessions.list(benId), []);
});

test("signing out without a session changes nothing, and is not done by a link or by another site", async (t) => {
  const { openBrowser, members, benId } = await openSignInHouse(t);
  const browser = openBrowser();
  await browser.signIn();
  const stranger = openBrowser();
  const nothing = await stranger.post(idHost, "/sign-out");
  assert.deepEqual([nothing.status, nothing.headers.getSetCookie()], [200, []]);
  assert.equal((await browser.send(idHost, "/sign-out")).status, 200);
  for (const headers of [
    { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    { origin: `https://${filesHost}`, "sec-fetch-site": "same-site" },
    { origin: `https://${idHost}`, "sec-fetch-site": "same-site" },
    { origin: `https://${idHost}`, "sec-fetch-site": "none" },
    { origin: "null" },
    { origin: "" },
    { origin: `https://${idHost}.evil.example` },
    { origin: `http://${idHost}` },
  ]) {
    assert.equal((await browser.post(idHost, "/sign-out", {}, headers)).status, 403, JSON.stringify(headers));
  }
  assert.equal(members.webSessions.list(benId).length, 1);
});

test("by cookie nothing is changed but from a page of the same host; a header is judged by itself", async (t) => {
  const { openBrowser, ask } = await openSignInHouse(t);
  const browser = openBrowser();
  await browser.signIn();
  await browser.open(filesHost, "/");
  const cookie = `${session}=${browser.cookies.get(filesHost)?.get(session) ?? ""}`;
  const own = { origin: `https://${filesHost}`, "sec-fetch-site": "same-origin" };
  const send = (method: string, headers: Record<string, string>) =>
    ask(filesHost, "/item", { method, headers: { cookie, ...headers } });

  for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "MKCOL"]) {
    assert.equal((await send(method, own)).status, 200, method);
    assert.equal((await send(method, { origin: own.origin })).status, 200, `${method}, an older browser`);
    for (const foreign of [
      { origin: "https://mail.example.org", "sec-fetch-site": "same-site" },
      { origin: "https://example.org", "sec-fetch-site": "same-site" },
      { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "same-origin" },
      { origin: "https://files.example.org:8443" },
      { origin: "null" },
      {},
    ]) {
      const reply = await send(method, foreign);
      assert.deepEqual(
        [reply.status, reply.context.identity],
        [403, undefined],
        `${method} ${JSON.stringify(foreign)}`,
      );
    }
  }
  assert.equal((await send("GET", { "sec-fetch-site": "cross-site" })).status, 200);
  assert.equal((await send("OPTIONS", own)).status, 401);
  // A WebSocket is opened by GET, from whatever page, and then obeys it.
  const socket = { upgrade: "websocket", connection: "Upgrade" };
  assert.equal((await send("GET", { ...socket, origin: "https://mail.example.org" })).status, 403);
  assert.equal((await send("GET", socket)).status, 403);
  assert.equal((await send("GET", { ...socket, origin: own.origin })).status, 200);
  for (const authorization of ["Bearer nonsense", "Basic bm86", "Digest x", "", "Bearer burrow_key_zzzz"]) {
    const reply = await send("GET", { authorization });
    assert.deepEqual([reply.status, reply.context.identity], [401, undefined], authorization);
  }
});

test("only a person's navigation is led to the sign-in page; programs get 401", async (t) => {
  const { ask } = await openSignInHouse(t);
  const status = async (method: string, headers: Record<string, string>): Promise<number> =>
    (await ask(filesHost, "/x", { method, headers })).status;
  assert.equal(await status("GET", navigation), 303);
  assert.equal(await status("HEAD", navigation), 303);
  assert.equal(await status("GET", { accept: "text/html" }), 303);
  assert.equal(await status("GET", { accept: "*/*" }), 401);
  assert.equal(await status("GET", { ...navigation, "sec-fetch-dest": "iframe" }), 401);
  assert.equal(
    await status("GET", { accept: "text/html", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" }),
    401,
  );
  assert.equal(await status("POST", navigation), 401);
  assert.equal(await status("GET", { ...navigation, authorization: "Bearer x" }), 401);
  assert.equal(await status("GET", { ...navigation, upgrade: "websocket" }), 401);
});

test("suspension, lock, deactivation and a new password hold on the next request, on every host", async (t) => {
  const { openBrowser, members, benId, ask } = await openSignInHouse(t);
  const browser = openBrowser();
  const other = openBrowser();
  for (const each of [browser, other]) {
    await each.signIn();
    await each.open(filesHost, "/");
  }
  const status = async (each = browser): Promise<number> =>
    (await each.send(filesHost, "/x", { headers: { accept: "application/json" } })).status;
  assert.equal(await status(), 200);

  await members.suspend(benId);
  assert.equal(await status(), 403);
  // The own account can be looked after; but it opens no door, and is not led in circles.
  assert.match((await browser.open(idHost, "/")).text, /suspended/);
  const led = await browser.open(mailHost, "/");
  assert.deepEqual([led.status, new URL(led.at).pathname], [403, "/hand-off"]);
  await members.unsuspend(benId);
  assert.equal(await status(), 200);

  await members.lock(benId);
  assert.equal(await status(), 401);
  assert.equal((await browser.send(idHost, "/")).status, 303);
  const locked = await openBrowser().signIn();
  assert.deepEqual([locked.status, /locked/.test(locked.text)], [403, true]);
  assert.deepEqual(locked.headers.getSetCookie(), []);
  await members.unlock(benId);
  assert.equal(await status(), 200);

  const atFiles = JSON.parse((await browser.send(filesHost, "/open")).text) as { sessionId: number };
  const token = browser.cookies.get(idHost)?.get(session) ?? "";
  const own = members.webSessions.find(token, idHost)?.id ?? 0;
  await members.changePassword(benId, "marble otter thimble", { onlyWebSession: own, devices: "all" });
  assert.equal(await status(), 200);
  assert.equal(JSON.parse((await browser.send(filesHost, "/open")).text).sessionId, atFiles.sessionId);
  assert.equal(await status(other), 401);

  await members.deactivate(benId);
  assert.equal(await status(), 401);
  assert.equal((await ask(idHost, "/", { headers: { cookie: `${session}=${token}` } })).status, 303);
});

test("a session ends when it was not used for two weeks, and after three months in any case", async (t) => {
  const { openBrowser, clock, database } = await openSignInHouse(t);
  const status = async (browser: ReturnType<typeof openBrowser>): Promise<number> => {
    const reply = await browser.send(filesHost, "/x", { headers: { accept: "application/json" } });
    // What was noted without being waited for.
    await database.write(() => {});
    return reply.status;
  };
  const idle = openBrowser();
  const busy = openBrowser();
  for (const browser of [idle, busy]) {
    await browser.signIn();
    await browser.open(filesHost, "/");
  }
  for (let days = 0; days < 90; days += 10) {
    assert.equal(await status(busy), 200, `day ${days}`);
    clock.now += 10 * day;
  }
  assert.equal(await status(busy), 401);
  assert.equal(await status(idle), 401);

  const again = openBrowser();
  await again.signIn();
  await again.open(filesHost, "/");
  clock.now += 14 * day - 1;
  assert.equal(await status(again), 200);
  clock.now += 14 * day;
  assert.equal(await status(again), 401);
});

test("a wrong name and a wrong password are told alike; what was typed is only text", async (t) => {
  const { openBrowser, kdf } = await openSignInHouse(t);
  const told = new Set<string>();
  for (const [name, password] of [
    ["ben", "wrong wrong wrong"],
    ["nobody", memberPassword],
    ["", ""],
  ] as const) {
    const before = kdf.calls;
    const reply = await openBrowser().signIn(name, password);
    assert.deepEqual([reply.status, reply.context.guess, kdf.calls - before], [403, "failed", 1], name);
    assert.deepEqual(reply.headers.getSetCookie(), []);
    told.add(reply.text.replace(`value="${name}" required`, ""));
  }
  assert.equal(told.size, 1);
  const odd = await openBrowser().signIn(`"><script>alert(1)</script>`, "swordfish swordfish", `"><b>`);
  assert.doesNotMatch(odd.text, /<script>alert|<b>|swordfish/);
  for (const name of ["BEN", " ben ", "@ben:example.org", "ben@example.org"]) {
    assert.equal((await openBrowser().signIn(name)).status, 303, name);
  }
});

test("tries that come too early get 429 and are told when to try again", async (t) => {
  const { openBrowser, kdf } = await openSignInHouse(t);
  let last: Reply | undefined;
  for (let tries = 0; tries < 12; tries += 1)
    last = await openBrowser().signIn("ben", `wrong ${tries} wrong`);
  const before = kdf.calls;
  last = await openBrowser().signIn();
  assert.deepEqual([last.status, kdf.calls], [429, before]);
  assert.match(last.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  assert.match(last.text, /Try again in \d+ seconds/);
});

test("a password alone is not enough where a second step is set up, and what is in between opens nothing", async (t) => {
  const { openBrowser, members, benId, clock, ask } = await openSignInHouse(t);
  const device = { via: "device" } as const;
  const { secret } = await members.totp.begin(device, benId);
  await members.totp.confirm(device, benId, codeOf(secret, clock.now));
  const [recovery = ""] = await members.recoveryCodes.regenerate(device, benId);
  clock.now += 60_000;

  const browser = openBrowser();
  const next = "/hand-off?host=files.example.org&next=%2Fx";
  const first = await browser.signIn("ben", memberPassword, next);
  assert.deepEqual([first.status, first.headers.get("location")], [303, "/sign-in/second-step"]);
  assert.equal(browser.cookies.get(idHost)?.has(session), false);
  assert.equal((await browser.send(idHost, "/")).status, 303);
  const pending = browser.cookies.get(idHost)?.get("__Host-burrow-signin") ?? "";
  assert.equal((await ask(idHost, "/", { headers: { cookie: `${session}=${pending}` } })).status, 303);
  const wrong = await browser.post(idHost, "/sign-in/second-step", { code: "000000" });
  assert.deepEqual([wrong.status, wrong.context.guess], [403, "failed"]);
  // Another browser is not at this step, whoever it belongs to.
  const elsewhere = await openBrowser().post(idHost, "/sign-in/second-step", {
    code: codeOf(secret, clock.now),
  });
  assert.deepEqual([elsewhere.status, elsewhere.headers.get("location")], [303, "/sign-in"]);
  const code = codeOf(secret, clock.now);
  const right = await browser.post(idHost, "/sign-in/second-step", {
    code: `${code.slice(0, 3)} ${code.slice(3)}`,
  });
  assert.deepEqual([right.status, right.headers.get("location")], [303, next]);
  assert.equal((await browser.send(idHost, "/")).status, 200);
  assert.equal(browser.cookies.get(idHost)?.has("__Host-burrow-signin"), false);

  const lost = openBrowser();
  await lost.signIn();
  assert.equal((await lost.post(idHost, "/sign-in/second-step", { recovery })).status, 303);
  assert.equal((await lost.send(idHost, "/")).status, 200);

  const slow = openBrowser();
  await slow.signIn();
  clock.now += 5 * 60_000;
  const late = await slow.post(idHost, "/sign-in/second-step", { code: codeOf(secret, clock.now) });
  assert.deepEqual([late.status, late.headers.get("location")], [303, "/sign-in"]);
});

test("signing in anew is always a new session, and the one before it in that browser ends", async (t) => {
  const { openBrowser, members, benId, ownerId, ask } = await openSignInHouse(t);
  const browser = openBrowser();
  await browser.signIn();
  const first = browser.cookies.get(idHost)?.get(session) ?? "";
  assert.equal((await browser.signIn()).status, 303);
  assert.equal(members.webSessions.list(benId).length, 1);
  assert.equal((await ask(idHost, "/", { headers: { cookie: `${session}=${first}` } })).status, 303);
  await browser.signIn("ada", ownerPassword);
  assert.deepEqual(
    [members.webSessions.list(benId).length, members.webSessions.list(ownerId).length],
    [0, 1],
  );
});

function codeOf(secret: string, now: number): string {
  return totpCode(fromBase32(secret), totpStep(now));
}

function fromBase32(text: string): Buffer {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = Array.from(text, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
