import assert from "node:assert/strict";
import { test } from "node:test";
import { createArgon2Kdf, createKdf, createScryptKdf } from "../../origin/members/kdf.ts";
import { checkPassword } from "../../origin/members/password-strength.ts";
import { createKdfQueue } from "../../origin/members/kdf-queue.ts";
import { memberPassword, openHousehold, ownerPassword, refusedAs, settle } from "./open-members.ts";

test("a password is proved with exactly one derivation, for known, unknown and empty names alike", async (t) => {
  const { members, kdf } = await openHousehold(t);
  await settle(members);
  for (const [name, password, right] of [
    ["ada", ownerPassword, true],
    ["ADA", ownerPassword, true],
    ["ada", `${ownerPassword}!`, false],
    ["ada", "", false],
    ["nobody", ownerPassword, false],
    ["", ownerPassword, false],
    ["", "", false],
    ["ada\0", ownerPassword, false],
    ["ada", "x".repeat(5000), false],
  ] as const) {
    const before = kdf.calls;
    const member = await members.verifyPassword(name, password);
    assert.equal(member?.name, right ? "ada" : undefined, `${name} ${password}`);
    assert.equal(kdf.calls - before, 1, `${name} ${password}`);
  }
});

test("megabytes are a wrong password without being looked at, and the work is that of any other", async (t) => {
  const { members, openAnother } = await openHousehold(t);
  const { ownerId } = await settle(members);
  const kdf = createKdf({ memory: 8, passes: 1 });
  const seen: number[] = [];
  const door = openAnother({
    ...kdf,
    verify(stored, password) {
      seen.push(password.length);
      return kdf.verify(stored, password);
    },
  });
  const long = "\ufdfa".repeat(1_000_000);
  assert.equal(await door.verifyPassword("ada", long), undefined);
  assert.equal(await door.verifyPassword("nobody", long), undefined);
  assert.deepEqual(seen, [0, 0]);
  // A name is not looked at either.
  assert.equal(await door.verifyPassword(`ada${" ".repeat(1_000_000)}`, ownerPassword), undefined);
  await assert.rejects(() => door.changePassword(ownerId, long, "all"), refusedAs("password-weak"));
  // The longest password there can be, typed in characters that take four times as many bytes.
  const wide = Array.from({ length: 1024 }, (_, at) => String.fromCodePoint(0x1d400 + ((at * 7) % 26))).join(
    "",
  );
  await door.changePassword(ownerId, wide, "all");
  assert.ok(await door.verifyPassword("ada", wide));
  assert.ok(await door.verifyPassword("ada", wide.normalize("NFKC")));
});

test("a new password and the end of the sessions that the old one opened are one write", async (t) => {
  const { members, database } = await openHousehold(t);
  const { ownerId } = await settle(members);
  const open = async (deviceId: string) =>
    (await members.openSession(ownerId, { deviceId, address: "192.0.2.1" })).accessToken;
  const devices = () => members.devices(ownerId).map(({ deviceId }) => deviceId);
  for (const deviceId of ["A", "B", "C"]) await open(deviceId);
  const write = t.mock.method(database, "write");
  assert.equal(await members.changePassword(ownerId, `${ownerPassword} one`, "all"), 0);
  assert.deepEqual(devices(), ["A", "B", "C"]);
  assert.equal(await members.changePassword(ownerId, `${ownerPassword} two`, { onlyDevice: "B" }), 2);
  assert.deepEqual(devices(), ["B"]);
  assert.equal(await members.changePassword(ownerId, `${ownerPassword} three`, "none"), 1);
  assert.deepEqual(devices(), []);
  assert.equal(write.mock.callCount(), 3);
});

test("every character of a long password counts, and Unicode forms of one text are one password", async (t) => {
  const { members } = await openHousehold(t);
  const { ownerId } = await settle(members);
  const long = `${ownerPassword} ${"wall ".repeat(20)}é`;
  await members.changePassword(ownerId, long, "all");
  assert.ok(await members.verifyPassword("ada", long.normalize("NFD")));
  assert.equal(await members.verifyPassword("ada", long.slice(0, 72)), undefined);
  assert.equal(await members.verifyPassword("ada", long.slice(0, -1)), undefined);
  assert.equal(await members.verifyPassword("ada", ownerPassword), undefined);
});

test("the usual derivation is argon2id with 19 MiB, and scrypt stands in", async () => {
  for (const [kdf, form] of [
    [createKdf(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/],
    [createScryptKdf(), /^\$scrypt\$ln=15,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/],
  ] as const) {
    const stored = await kdf.hash(ownerPassword);
    assert.match(stored, form);
    assert.match(kdf.decoy(), form);
    assert.equal(await kdf.verify(stored, ownerPassword), true);
    assert.equal(await kdf.verify(stored, memberPassword), false);
    assert.equal(await kdf.verify(kdf.decoy(), ownerPassword), false);
    assert.notEqual(await kdf.hash(ownerPassword), stored);
  }
});

test("argon2id agrees with another implementation", async () => {
  // From the reference implementation: argon2id, "somesalt", m=65536, t=2, p=1.
  const stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  assert.equal(await createKdf().verify(stored, "password"), true);
  assert.equal(await createKdf().verify(stored, "Password"), false);
});

test("a password is moved to the higher cost at the next sign-in, also from scrypt", async (t) => {
  const household = await openHousehold(t);
  await settle(household.members);
  const stored = (): string | undefined =>
    household.database.prepare<{ password: string }>("SELECT password FROM members WHERE name = 'ada'").get()
      ?.password;
  const dearer = household.openAnother(createArgon2Kdf({ memory: 16, passes: 1 }));
  assert.match(stored() ?? "", /m=8,/);
  assert.equal(await dearer.verifyPassword("ada", memberPassword), undefined);
  assert.match(stored() ?? "", /m=8,/);
  assert.ok(await dearer.verifyPassword("ada", ownerPassword));
  assert.match(stored() ?? "", /m=16,/);
  assert.ok(await household.members.verifyPassword("ada", ownerPassword));
  assert.match(stored() ?? "", /m=16,/);

  const older = await createScryptKdf(4).hash(ownerPassword);
  await household.database.write(() =>
    household.database.prepare("UPDATE members SET password = ?").run(older),
  );
  assert.ok(await dearer.verifyPassword("ada", ownerPassword));
  assert.match(stored() ?? "", /^\$argon2id/);
});

test("two derivations run at a time, a few wait, more are refused at once", async () => {
  const queue = createKdfQueue({ concurrency: 2, longest: 3, perSource: 3 });
  const gates = Array.from({ length: 7 }, () => Promise.withResolvers<void>());
  let running = 0;
  let most = 0;
  const enter = (at: number): Promise<void> =>
    queue.run(async () => {
      running += 1;
      most = Math.max(most, running);
      await gates[at]?.promise;
      running -= 1;
    });
  const jobs = [0, 1, 2, 3, 4].map(enter);
  await assert.rejects(enter(5), refusedAs("busy"));
  gates[0]?.resolve();
  await jobs[0];
  // A place in the queue is free again, but not a turn.
  jobs.push(enter(6));
  for (const gate of gates) gate.resolve();
  await Promise.all(jobs);
  assert.equal(most, 2);

  const failing = queue.run(() => Promise.reject(new Error("broken")));
  await assert.rejects(failing, /broken/);
  assert.equal(await queue.run(() => Promise.resolve(7)), 7);
});

test("turns go round by source, and who is known makes strangers give way", async () => {
  const queue = createKdfQueue({ concurrency: 1, longest: 6, perSource: 4 });
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const refused: string[] = [];
  const enter = async (source: string, known = false): Promise<void> => {
    try {
      await queue.run(() => Promise.resolve(order.push(source)), { source, known });
    } catch {
      refused.push(source);
    }
  };
  const first = queue.run(() => gate.promise);
  const flood = Array.from({ length: 20 }, () => enter("flood"));
  const others = [enter("one"), enter("two"), enter("three"), enter("home", true), enter("work", true)];
  gate.resolve();
  await Promise.all([first, ...flood, ...others]);
  assert.deepEqual(order, ["home", "flood", "work", "one", "two", "three"]);
  assert.deepEqual([...new Set(refused)], ["flood"]);
  assert.equal(refused.length, 19, "sixteen too many, and three that gave way");

  const full = Promise.withResolvers<void>();
  const holding = queue.run(() => full.promise);
  const strangers = Array.from({ length: 6 }, (_, n) => enter(`stranger ${n}`));
  const late = [enter("late"), enter("known", true)];
  full.resolve();
  await Promise.all([holding, ...strangers, ...late]);
  assert.ok(
    refused.includes("late"),
    "a queue of as many sources as it has places takes no further stranger",
  );
  assert.ok(order.includes("known"));
});

test("weak passwords are refused with what to change", () => {
  const names = ["clementine", "example.org", "example"];
  const refusals: [string, RegExp][] = [
    ["eleven char", /at least 12 characters \(this has 11\)/],
    ["", /at least 12/],
    // 11 characters to people, more code units: what counts is what people count.
    ["🦊🦊🦊🐇🐇🐇🌲🌲🌲🌳🌳", /this has 11/],
    ["x".repeat(2000), /at most 1024 bytes/],
    ["aaaaaaaaaaaaaaaa", /repeats/],
    ["kiwkiwkiwkiwkiwkiw", /repeats/],
    ["tr0mbonetr0mbonetr0", /repeats/],
    ["abcdefghijklmnop", /keyboard/],
    ["9876543210987654", /keyboard/],
    ["qwertyuiopasdfgh", /keyboard/],
    ["1q2w3e4r5t6y7u8i", /keyboard/],
    ["1qaz2wsx3edc4rfv", /keyboard/],
    ["Password12345678", /tried first/],
    ["P@ssw0rd!2026!!!", /tried first/],
    ["letmein-now-letmein", /tried first/],
    ["correct horse battery staple", /tried first/],
    ["iloveyouiloveyou1", /tried first/],
    ["Clementine-2026!", /tried first/],
    ["example.org12345", /tried first/],
    ["clementine@example.org", /tried first/],
  ];
  for (const [password, reason] of refusals) {
    assert.throws(
      () => checkPassword(password, "member", names),
      (error: Error) => refusedAs("password-weak")(error) && reason.test(error.message),
      password,
    );
  }
  for (const good of [
    memberPassword,
    ownerPassword,
    "zK4vq9XwT2mB",
    "83#19&402!77@56",
    "трамвай лампа пирог",
    "雨が降る夜の静かな電車の音",
    "my sister sails on tuesdays",
  ]) {
    checkPassword(good, "member", names);
  }
  assert.throws(() => checkPassword("fifteen chars!!", "owner", names), /at least 16/);
});
