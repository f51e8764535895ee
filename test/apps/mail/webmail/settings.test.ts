/** What a member sets for themselves: name and signature, absence, time zone, rules, folders. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileMessage, plainMessage } from "./file-message.ts";
import { boxOf, openWebmailHouse } from "./webmail-house.ts";

const house = await openWebmailHouse({ after });
const [ada, ben] = [await house.visitor("ada"), await house.visitor("ben")];
const adas = await house.program("ada");

test("settings are kept: name and signature, absence, and times in the browser's zone", async () => {
  const { list } = await adas.call("Identity/get");
  await ada.post("/settings/identity", {
    identity: list[0].id,
    name: "Ada L.",
    signature: "Ada\r\nat the lake",
  });
  assert.match((await ada.get("/compose")).text, /-- \nAda\nat the lake/);
  const zone = { cookie: `${ada.cookie}; burrow-zone=Europe%2FVienna` };
  const away = await ada.post(
    "/settings/vacation",
    { enabled: "yes", from: "2026-07-01", to: "2026-07-14", subject: "", text: "Away" },
    zone,
  );
  assert.equal(away.status, 303);
  const { list: vacations } = await adas.call("VacationResponse/get");
  assert.deepEqual(
    [vacations[0].isEnabled, vacations[0].fromDate, vacations[0].toDate, vacations[0].textBody],
    [true, "2026-06-30T22:00:00Z", "2026-07-14T22:00:00Z", "Away"],
  );
  assert.match((await ada.get("/settings", zone)).text, /name="to" type="date" value="2026-07-14"/);
  await fileMessage(adas, plainMessage({ subject: "Late" }), { receivedAt: "2024-12-31T23:30:00Z" });
  const { text } = await ada.get("/search?q=late", zone);
  assert.match(text, />1 Jan 2025<\/time>/);
  for (const wrong of ["Mars/Base", "../../etc", "%ff"]) {
    assert.equal((await ada.get("/settings", { cookie: `${ada.cookie}; burrow-zone=${wrong}` })).status, 200);
    assert.equal((await ada.post("/settings/zone", { zone: wrong })).status, 422);
  }
});

test("rules are made, changed, put in another order and deleted, and a wrong one changes nothing", async () => {
  const rule = { name: "Lake", match: "all", "field-0": "subject", "test-0": "contains", "value-0": "Lake" };
  const words = async (): Promise<string[]> =>
    [...(await ada.get("/rules")).text.matchAll(/<li><b>([^<]*)<\/b>: ([^<\n]*)/g)].map(
      ([, name, says]) => `${name}: ${says}`,
    );
  const was = async (index: number): Promise<string> =>
    [...(await ada.get("/rules")).text.matchAll(/name="was" value="([^"]+)"/g)][index]?.[1]
      ?.replaceAll("&quot;", '"')
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">") ?? "";
  const archive = await boxOf(adas, "archive");
  await ada.post("/rules", { ...rule, act: "save", into: archive, markRead: "yes" });
  await ada.post("/rules", {
    act: "save",
    match: "any",
    "field-0": "attachment:yes",
    "field-1": "from",
    "value-1": "<b>",
    flag: "yes",
  });
  const both = [
    "Lake: Subject contains “Lake”: into Archive, marked as read",
    "Rule 2: It has a file or From contains “&lt;b&gt;”: flagged",
  ];
  assert.deepEqual(await words(), both);
  for (const wrong of [
    { ...rule, act: "save" },
    { ...rule, act: "save", "value-0": " ", flag: "yes" },
    { ...rule, act: "save", into: "m9999" },
    { ...rule, act: "save", flag: "yes", "test-0": "matches" },
    { ...rule, act: "save", flag: "yes", was: "{}" },
  ]) {
    assert.equal((await ada.post("/rules", wrong)).status, 422, JSON.stringify(wrong));
  }
  assert.deepEqual(await words(), both);
  await ada.post("/rules", { act: "sooner", was: await was(1) });
  assert.match((await words())[0] ?? "", /^Rule 1: It has a file/);
  await ada.post("/rules", { ...rule, name: "Sea", act: "save", flag: "yes", was: await was(1) });
  assert.deepEqual((await words())[1], "Sea: Subject contains “Lake”: flagged");
  await ada.post("/rules", { act: "delete", was: await was(0) });
  assert.equal((await words()).length, 1);
  assert.doesNotMatch((await ben.get("/rules")).text, /“Lake”/);
});

test("folders are made within one another, renamed, and deleted when they are empty", async () => {
  await ada.post("/folders", { act: "make", name: "Träume" });
  const { list } = await adas.call("Mailbox/get");
  const { id } = list.find((one: { name: string }) => one.name === "Träume");
  await ada.post("/folders", { act: "make", name: "Deep", parent: id });
  assert.equal((await ada.post("/folders", { act: "make", name: "Träume" })).status, 422);
  await ada.post("/folders", { act: "rename", mailbox: id, name: "Dreams" });
  assert.equal(
    (await ada.post("/folders", { act: "delete", mailbox: id })).status,
    422,
    "one lies within it",
  );
  await ada.post("/folders", { act: "delete", mailbox: await boxOf(adas, "archive") });
  const { list: left } = await adas.call("Mailbox/get");
  assert.ok(left.some((one: { name: string; role: string }) => one.role === "archive"));
  assert.ok(left.some((one: { name: string }) => one.name === "Dreams"));
});
