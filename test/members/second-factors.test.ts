import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Authority } from "../../origin/members/authority.ts";
import { totpCode, totpStep } from "../../origin/members/factors/totp-code.ts";
import { appCode, secretBytes } from "../support/app-code.ts";
import { createPasskey, type SoftwarePasskey, signWithPasskey } from "../support/software-authenticator.ts";
import { heldKeys, memberPassword, openHousehold, refusedAs, settle } from "./open-members.ts";

const device: Authority = { via: "device" };
const rpId = "example.org";
const origin = "https://id.example.org";
const here = { origin, rpId };

async function household(t: Parameters<typeof openHousehold>[0], keys = heldKeys()) {
  const opened = await openHousehold(t, keys);
  const { ownerId, invite } = await settle(opened.members);
  const ben = await opened.members.register({ name: "ben", password: memberPassword, inviteToken: invite });
  return { ...opened, ownerId, benId: ben.id };
}

type House = Awaited<ReturnType<typeof household>>;

// --- Authenticator apps -------------------------------------------------------------------------------------------

test("codes are those of RFC 6238, appendix B", () => {
  const secret = Buffer.from("12345678901234567890");
  const vectors: [number, string][] = [
    [59, "94287082"],
    [1_111_111_109, "07081804"],
    [1_111_111_111, "14050471"],
    [1_234_567_890, "89005924"],
    [2_000_000_000, "69279037"],
    [20_000_000_000, "65353130"],
  ];
  for (const [seconds, code] of vectors) assert.equal(totpCode(secret, totpStep(seconds * 1000), 8), code);
});

async function enrolTotp({ members, clock, benId }: House): Promise<string> {
  const { secret } = await members.totp.begin(device, benId);
  await members.totp.confirm(device, benId, appCode(secret, clock.now));
  clock.now += 30_000;
  return secret;
}

test("an authenticator app counts once it has shown a code; its codes are good for a step either way", async (t) => {
  const house = await household(t);
  const { members, clock, benId } = house;
  const { secret, uri } = await members.totp.begin(device, benId);
  assert.equal(uri, `otpauth://totp/example.org:ben?secret=${secret}&issuer=example.org`);
  assert.equal(secret.length, 32);
  assert.equal(members.secondFactors(benId).required, false);
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now)), false);
  await assert.rejects(members.totp.confirm(device, benId, "000000"), refusedAs("totp-invalid"));
  await members.totp.confirm(device, benId, appCode(secret, clock.now));
  assert.deepEqual(members.secondFactors(benId), {
    required: true,
    passkeys: 0,
    totp: true,
    recoveryCodes: 0,
  });
  clock.now += 10 * 60_000;
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now - 60_000)), false);
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now - 30_000)), true);
  const spaced = appCode(secret, clock.now).replace(/^.../, "$& ");
  assert.equal(await members.totp.verify(benId, spaced), true);
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now + 30_000)), true);
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now + 60_000)), false);
});

/** Whether these bytes stand in the database's files. */
function isOnDisk({ folder }: House, bytes: Uint8Array): boolean {
  return readdirSync(folder).some((file) => readFileSync(join(folder, file)).includes(Buffer.from(bytes)));
}

test("an authenticator app's secret is nowhere on disk in clear; one of before is sealed and its traces go", async (t) => {
  const house = await household(t);
  const secret = await enrolTotp(house);
  const { secret: begun } = await house.members.totp.begin(device, house.benId);
  for (const each of [secret, begun]) assert.equal(isOnDisk(house, secretBytes(each)), false);

  const old = randomBytes(20);
  house.database.prepare("UPDATE totp SET sealed = 0, secret = ?, pending_secret = NULL").run(old);
  assert.equal(isOnDisk(house, old), true);
  const code = (): string => totpCode(old, totpStep(house.clock.now));
  assert.equal(await house.members.totp.verify(house.benId, code()), true, "until it is sealed");
  assert.deepEqual(await house.members.totp.sealAll(), { unreadable: 0 });
  assert.equal(isOnDisk(house, old), false);
  house.clock.now += 30_000;
  assert.equal(await house.members.totp.verify(house.benId, code()), true);
});

test("what is sealed opens by its key and for its member only; a new key takes its place", async (t) => {
  const keys = heldKeys(randomBytes(32));
  const house = await household(t, keys);
  const { members, database, clock, benId, ownerId } = house;
  const secret = await enrolTotp(house);
  const works = async (): Promise<boolean> => {
    clock.now += 60_000;
    return await members.totp.verify(benId, appCode(secret, clock.now));
  };
  const [first] = keys.keys as [Uint8Array];
  keys.keys.splice(0, 1, randomBytes(32));
  assert.deepEqual([await works(), await members.totp.sealAll()], [false, { unreadable: 1 }]);
  keys.keys.push(first);
  assert.equal(await works(), true);
  assert.deepEqual(await members.totp.sealAll(), { unreadable: 0 });
  assert.equal(keys.keys.length, 1);
  assert.equal(await works(), true);

  database
    .prepare("INSERT INTO totp (member_id, sealed, secret, enrolled_at) SELECT ?, 1, secret, 1 FROM totp")
    .run(ownerId);
  assert.equal(await members.totp.verify(ownerId, appCode(secret, clock.now)), false);
  const [{ sealed } = { sealed: new Uint8Array() }] = database
    .prepare<{ sealed: Uint8Array }>("SELECT secret AS sealed FROM totp WHERE member_id = ?")
    .all(benId);
  database.prepare("UPDATE totp SET secret = ?").run(sealed.map((byte, at) => (at === 20 ? byte ^ 1 : byte)));
  assert.equal(await works(), false);
});

test("no code works twice: not later, not at once, not in a second process, not the one that enrolled", async (t) => {
  const house = await household(t);
  const { members, clock, benId, openAnother } = house;
  const { secret } = await members.totp.begin(device, benId);
  const enrolling = appCode(secret, clock.now);
  await members.totp.confirm(device, benId, enrolling);
  assert.equal(await members.totp.verify(benId, enrolling), false);
  clock.now += 30_000;
  const code = appCode(secret, clock.now);
  const doors = [members, openAnother()];
  const tries = Array.from({ length: 20 }, (_, at) => (doors[at % 2] ?? members).totp.verify(benId, code));
  assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);
  // An older code than the one that was taken is spent, too (RFC 6238 §5.2).
  clock.now += 30_000;
  const older = appCode(secret, clock.now);
  clock.now += 30_000;
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now)), true);
  assert.equal(await members.totp.verify(benId, older), false);
});

test("a new authenticator app replaces the old one only when confirmed, in time, by the member", async (t) => {
  const house = await household(t);
  const { members, clock, benId, ownerId } = house;
  const old = await enrolTotp(house);
  const ada: Authority = { via: "session", memberId: ownerId };
  await assert.rejects(members.totp.begin(ada, benId), refusedAs("not-allowed"));
  const late = await members.totp.begin(device, benId);
  clock.now += 15 * 60_000;
  await assert.rejects(
    members.totp.confirm(device, benId, appCode(late.secret, clock.now)),
    refusedAs("totp-invalid"),
  );
  assert.equal(await members.totp.verify(benId, appCode(old, clock.now)), true);
  const next = await members.totp.begin(device, benId);
  await members.totp.confirm(device, benId, appCode(next.secret, clock.now));
  clock.now += 60_000;
  assert.equal(await members.totp.verify(benId, appCode(old, clock.now)), false);
  assert.equal(await members.totp.verify(benId, appCode(next.secret, clock.now)), true);
});

test("a clock that ran ahead and was set back locks nobody out", async (t) => {
  const house = await household(t);
  const { members, clock, benId } = house;
  const secret = await enrolTotp(house);
  clock.now += 365 * 24 * 60 * 60 * 1000;
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now)), true);
  clock.now -= 365 * 24 * 60 * 60 * 1000;
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now)), true);
  assert.equal(await members.totp.verify(benId, appCode(secret, clock.now)), false);
});

// --- Recovery codes -----------------------------------------------------------------------------------------------

test("a recovery code is used once under 20 tries at the same time, and is its member's only", async (t) => {
  const { members, benId, ownerId, database, openAnother } = await household(t);
  const codes = await members.recoveryCodes.regenerate(device, benId);
  assert.equal(new Set(codes).size, 10);
  const [code = "", next = ""] = codes;
  assert.match(code, /^(?:[0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}$/);
  const kept = JSON.stringify(database.prepare("SELECT hex(hash) FROM recovery_codes").all());
  assert.equal(kept.toLowerCase().includes(Buffer.from(code.replaceAll("-", "")).toString("hex")), false);
  assert.equal(await members.recoveryCodes.use(ownerId, code), false);
  const doors = [members, openAnother()];
  const tries = Array.from({ length: 20 }, (_, at) =>
    (doors[at % 2] ?? members).recoveryCodes.use(benId, code),
  );
  assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);
  assert.equal(members.recoveryCodes.remaining(benId), 9);
  assert.equal(await members.recoveryCodes.use(benId, next.toUpperCase().replaceAll("-", " ")), true);
  for (const wrong of ["", "-", next, "x".repeat(1e6)]) {
    assert.equal(await members.recoveryCodes.use(benId, wrong), false);
  }
});

test("new recovery codes end the old; those of another member are out of reach", async (t) => {
  const { members, benId, ownerId } = await household(t);
  const [old = ""] = await members.recoveryCodes.regenerate(device, benId);
  await members.recoveryCodes.regenerate({ via: "session", memberId: benId }, benId);
  assert.equal(await members.recoveryCodes.use(benId, old), false);
  assert.equal(members.recoveryCodes.remaining(benId), 10);
  await assert.rejects(
    members.recoveryCodes.regenerate({ via: "session", memberId: ownerId }, benId),
    refusedAs("not-allowed"),
  );
});

// --- Passkeys -----------------------------------------------------------------------------------------------------

async function addPasskey({ members }: House, memberId: number, name = "Phone"): Promise<SoftwarePasskey> {
  const { passkey, answer } = createPasskey(await members.passkeys.beginRegistration(device, memberId), here);
  await members.passkeys.register(device, { memberId, answer, origin, name });
  return passkey;
}

test("a passkey is asked to be discoverable and to verify its user, and signs in without a name", async (t) => {
  const house = await household(t);
  const { members, clock, benId } = house;
  const options = await members.passkeys.beginRegistration(device, benId);
  assert.deepEqual(options.rp, { name: rpId, id: rpId });
  assert.equal(options.attestation, "none");
  assert.equal(options.authenticatorSelection?.residentKey, "required");
  assert.equal(options.authenticatorSelection?.userVerification, "required");
  assert.equal(Buffer.from(options.user.id, "base64url").includes("ben"), false);
  const passkey = await addPasskey(house, benId);
  const again = await members.passkeys.beginRegistration(device, benId);
  assert.equal(again.user.id, options.user.id);
  assert.deepEqual(
    again.excludeCredentials?.map(({ id }) => id),
    [passkey.id],
  );

  const asked = members.passkeys.beginAuthentication();
  assert.deepEqual(asked.allowCredentials, []);
  assert.equal(asked.userVerification, "required");
  const answer = signWithPasskey(passkey, asked, here);
  assert.equal((await members.passkeys.authenticate({ answer, origin }))?.name, "ben");
  assert.deepEqual(members.passkeys.list(benId), [
    { id: 1, name: "Phone", synced: true, backedUp: true, createdAt: clock.now, lastUsedAt: clock.now },
  ]);
});

test("a challenge works once, for five minutes, and only for whom it was given out", async (t) => {
  const house = await household(t);
  const { members, clock, benId, ownerId } = house;
  const passkey = await addPasskey(house, benId);
  const asked = members.passkeys.beginAuthentication(benId);
  assert.deepEqual(
    asked.allowCredentials?.map(({ id }) => id),
    [passkey.id],
  );
  const answer = signWithPasskey(passkey, asked, here);
  const tries = Array.from({ length: 20 }, () =>
    members.passkeys.authenticate({ answer, origin, memberId: benId }),
  );
  assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);

  const late = members.passkeys.beginAuthentication(benId);
  clock.now += 5 * 60_000;
  const answers: [Awaited<typeof late>, number | undefined][] = [
    [late, benId],
    [members.passkeys.beginAuthentication(ownerId), benId],
    [members.passkeys.beginAuthentication(ownerId), ownerId],
    [members.passkeys.beginAuthentication(benId), undefined],
    [members.passkeys.beginAuthentication(), benId],
  ];
  for (const [options, memberId] of answers) {
    const signed = signWithPasskey(passkey, options, here);
    assert.equal(await members.passkeys.authenticate({ answer: signed, origin, memberId }), undefined);
  }
  const registration = await members.passkeys.beginRegistration(device, benId);
  const signed = signWithPasskey(passkey, registration, here);
  assert.equal(await members.passkeys.authenticate({ answer: signed, origin, memberId: benId }), undefined);
});

test("an answer made elsewhere, for another server, without PIN or finger, or by another key is none", async (t) => {
  const house = await household(t);
  const { members, benId, ownerId } = house;
  const passkey = await addPasskey(house, benId);
  const adas = await addPasskey(house, ownerId);
  const ask = () => members.passkeys.beginAuthentication();
  const authenticate = (answer: unknown) => members.passkeys.authenticate({ answer, origin });
  for (const wrong of [
    { ...here, origin: "https://app.example.org" },
    { ...here, origin: "http://id.example.org" },
    { ...here, rpId: "id.example.org" },
    { ...here, userVerified: false },
    { ...here, type: "webauthn.create" },
    { ...here, challenge: "AAAA" },
  ]) {
    assert.equal(await authenticate(signWithPasskey(passkey, ask(), wrong)), undefined);
  }
  const forged = { ...passkey, privateKey: adas.privateKey };
  assert.equal(await authenticate(signWithPasskey(forged, ask(), here)), undefined);
  const other = { ...passkey, userHandle: adas.userHandle };
  assert.equal(await authenticate(signWithPasskey(other, ask(), here)), undefined);
  const anonymous = signWithPasskey(passkey, ask(), here);
  delete anonymous.response["userHandle"];
  assert.equal(await authenticate(anonymous), undefined);
  for (const junk of [
    null,
    undefined,
    1,
    "x",
    [],
    {},
    { id: 7 },
    { id: passkey.id },
    { id: passkey.id, response: 1 },
  ]) {
    assert.equal(await authenticate(junk), undefined);
  }
  assert.equal((await authenticate(signWithPasskey(passkey, ask(), here)))?.id, benId);
});

test("a counter that does not grow says that the passkey was copied", async (t) => {
  const house = await household(t);
  const { members, benId } = house;
  const passkey = await addPasskey(house, benId);
  const signIn = async (counter: number) => {
    const asked = members.passkeys.beginAuthentication();
    const answer = signWithPasskey(passkey, asked, { ...here, counter });
    return (await members.passkeys.authenticate({ answer, origin }))?.name;
  };
  assert.deepEqual(
    [await signIn(5), await signIn(5), await signIn(4), await signIn(6)],
    ["ben", undefined, undefined, "ben"],
  );
});

test("a registration counts for the member who began it, once, at this host, and brings no certificate", async (t) => {
  const house = await household(t);
  const { members, benId, ownerId } = house;
  const begin = () => members.passkeys.beginRegistration(device, benId);
  const refuse = async (answer: unknown, memberId = benId) =>
    assert.rejects(
      members.passkeys.register(device, { memberId, answer, origin, name: "" }),
      refusedAs("passkey-invalid"),
    );
  await refuse(createPasskey(await begin(), here).answer, ownerId);
  await refuse(createPasskey(await begin(), { ...here, userVerified: false }).answer);
  await refuse(createPasskey(await begin(), { ...here, origin: "https://evil.example" }).answer);
  await refuse(createPasskey(await begin(), { ...here, rpId: "evil.example" }).answer);
  for (const junk of [null, 1, {}, { id: "a", rawId: "a", type: "public-key", response: {} }])
    await refuse(junk);
  const certified = new Map<string, unknown>([
    ["alg", -7],
    ["sig", new Uint8Array(70)],
    ["x5c", [new Uint8Array(10)]],
  ]);
  // Refused before anything is made of it: the challenge is still open then.
  const options = await begin();
  for (const format of ["packed", "tpm", "android-key"]) {
    await refuse(createPasskey(options, here, { format, statement: certified }).answer);
  }
  const { answer } = createPasskey(options, here);
  await members.passkeys.register(device, { memberId: benId, answer, origin, name: "" });
  await refuse(answer);
  assert.equal(members.passkeys.list(benId).length, 1);
  assert.equal(members.passkeys.list(ownerId).length, 0);
  await assert.rejects(
    members.passkeys.beginRegistration({ via: "session", memberId: ownerId }, benId),
    refusedAs("not-allowed"),
  );
});

test("a removed passkey opens nothing, and recovery codes go with the last factor", async (t) => {
  const house = await household(t);
  const { members, benId, ownerId } = house;
  const passkey = await addPasskey(house, benId);
  await enrolTotp(house);
  await members.recoveryCodes.regenerate(device, benId);
  const [{ id } = { id: 0 }] = members.passkeys.list(benId);
  const ben: Authority = { via: "session", memberId: benId };
  const ada: Authority = { via: "session", memberId: ownerId };
  await assert.rejects(members.passkeys.remove(ada, benId, id), refusedAs("not-allowed"));
  await assert.rejects(members.passkeys.rename(ada, benId, id, "x"), refusedAs("not-allowed"));
  assert.equal(await members.passkeys.remove(ada, ownerId, id), false);
  assert.equal(await members.passkeys.rename(ben, benId, id, "  Blue key "), true);
  assert.equal(members.passkeys.list(benId)[0]?.name, "Blue key");
  assert.equal(await members.passkeys.remove(ben, benId, id), true);
  const asked = members.passkeys.beginAuthentication();
  const answer = signWithPasskey(passkey, asked, here);
  assert.equal(await members.passkeys.authenticate({ answer, origin }), undefined);
  assert.equal(members.secondFactors(benId).recoveryCodes, 10);
  assert.equal(await members.totp.remove(ben, benId), true);
  assert.deepEqual(members.secondFactors(benId), {
    required: false,
    passkeys: 0,
    totp: false,
    recoveryCodes: 0,
  });
});

test("the owner's rescue takes all factors and tells what there was; an account that ends takes them with it", async (t) => {
  const house = await household(t);
  const { members, benId, database } = house;
  await addPasskey(house, benId);
  await enrolTotp(house);
  await members.recoveryCodes.regenerate(device, benId);
  const held = { required: true, passkeys: 1, totp: true, recoveryCodes: 10 };
  assert.deepEqual(await members.resetFactors(device, benId), held);
  assert.equal(members.secondFactors(benId).required, false);
  await addPasskey(house, benId, "Second");
  await members.deactivate(benId);
  assert.equal(members.secondFactors(benId).required, false);
  assert.deepEqual(database.prepare("SELECT 1 FROM passkeys").all(), []);
});
