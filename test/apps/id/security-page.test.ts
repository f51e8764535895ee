/** The owner's page of what the gate has to do: throttles, panic, probes, signs of life. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Honeypot } from "../../../origin/gate/honeypot/honeypot.ts";
import { idHost, openSignInHouse } from "../../gate/sign-in-house.ts";
import { memberPassword, ownerPassword } from "../../members/open-members.ts";

const hostile = `/.env?<script>alert(1)</script>"'`;

/** A honeypot that has seen so many probes. */
function honeypot(count: number): Honeypot {
  const all = Array.from({ length: count }, (_, at) => ({
    seq: at + 1,
    source: "198.51.100.7/32",
    country: "NL",
    host: "example.org",
    method: "GET",
    target: `/probe-${at + 1}${at === count - 1 ? hostile : ""}`,
    rule: "dotfiles/env",
    count: 2,
    lastAt: Date.UTC(2026, 4, 31),
  }));
  return {
    ledger: {
      list: ({ before, limit }: { before: number; limit: number }) =>
        all
          .filter(({ seq }) => seq < before)
          .toReversed()
          .slice(0, limit),
    },
    blocks: { list: () => [] },
  } as unknown as Honeypot;
}

test("the owner sees who has tried wrong passwords, and lets them try again; nobody else does", async (t) => {
  const house = await openSignInHouse(t);
  const [owner, ben] = [house.openBrowser(), house.openBrowser()];
  await owner.signIn("ada", ownerPassword);
  await ben.signIn("ben", memberPassword);
  const page = async (): Promise<string> => (await owner.send(idHost, "/security")).text;
  assert.match(await page(), /Nobody has tried anything wrong lately/);
  assert.match((await owner.send(idHost, "/")).text, /href="\/security"/);

  const guess = (address: string, at: number) =>
    house.ask(idHost, "/sign-in", {
      method: "POST",
      address,
      headers: { origin: `https://${idHost}`, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ name: "<b>ben", password: `guess ${at}` }).toString(),
    });
  for (let at = 0; at < 12; at += 1) await guess("198.51.100.7", at);
  assert.equal((await guess("198.51.100.7", 99)).status, 429);
  const shown = await page();
  assert.match(shown, /198\.51\.100\.7/);
  assert.match(shown, /Waits \d+ s more/);
  assert.match(shown, /&lt;b&gt;ben/);
  assert.doesNotMatch(shown, /<b>ben/);

  assert.equal((await ben.send(idHost, "/security")).status, 403);
  assert.doesNotMatch((await ben.send(idHost, "/")).text, /href="\/security"/);
  assert.equal((await ben.post(idHost, "/security/forget", { what: "*" })).status, 403);
  assert.equal(
    (await house.openBrowser().send(idHost, "/security")).headers.get("location"),
    "/sign-in?next=%2Fsecurity",
  );
  const foreign = await owner.post(
    idHost,
    "/security/forget",
    { what: "*" },
    { origin: "https://files.example.org" },
  );
  assert.equal(foreign.status, 403);
  assert.equal((await guess("198.51.100.7", 99)).status, 429);

  const network = /value="(198\.51\.100\.7[^"]*)"/.exec(shown)?.[1] ?? "";
  const done = await owner.post(idHost, "/security/forget", { what: network });
  assert.equal(done.headers.get("location"), "/security?done=forgotten");
  assert.equal((await guess("198.51.100.7", 99)).status, 403);
  await owner.post(idHost, "/security/forget", { what: "*" });
  assert.match(await page(), /Nobody has tried anything wrong lately/);
});

test("probes come twenty a page, and what strangers have written stays text", async (t) => {
  const house = await openSignInHouse(t, { honeypot: honeypot(45) });
  const owner = house.openBrowser();
  await owner.signIn("ada", ownerPassword);
  const seen: number[] = [];
  let path: string | undefined = "/security";
  while (path !== undefined) {
    const { text }: { text: string } = await owner.send(idHost, path);
    seen.push(...[...text.matchAll(/\/probe-(\d+)/g)].map(([, number]) => Number(number)));
    assert.doesNotMatch(text, /<script>alert/);
    path = /href="(\/security\?before=\d+)"/.exec(text)?.[1];
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 45 }, (_, at) => 45 - at),
  );
  for (const odd of ["x", "-1", "0", "99999999999999999999"])
    assert.equal((await owner.send(idHost, `/security?before=${odd}`)).status, 200);
});

test("the page says what is closed, and whether the edge has heard of the device", async (t) => {
  const house = await openSignInHouse(t, { signOfLife: Date.UTC(2026, 5, 1) });
  const owner = house.openBrowser();
  await owner.signIn("ada", ownerPassword);
  const page = async (): Promise<string> => (await owner.send(idHost, "/security")).text;
  assert.match(await page(), /Nothing\. To close the server/);
  assert.match(await page(), /It has heard of this device/);
  assert.match(await page(), /The honeypot is off/);
  await house.panic.set("logins");
  house.clock.now += 60 * 60 * 1000;
  assert.match(await page(), /New sign-ins are closed/);
  assert.match(await page(), /has not heard of this device since/);
});
