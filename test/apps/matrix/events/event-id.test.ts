import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign } from "node:crypto";
import { test } from "node:test";
import { canonicalJson } from "../../../../origin/apps/matrix/events/canonical-json.ts";
import type { JsonObject, Pdu } from "../../../../origin/apps/matrix/events/event.ts";
import { contentHash, eventIdOf, roomIdOfCreate } from "../../../../origin/apps/matrix/events/event-id.ts";
import { redactPdu } from "../../../../origin/apps/matrix/events/redact.ts";
import { versions } from "./room-state.ts";

/** Specification, Appendices §Cryptographic Test Vectors. */
const seed = Buffer.from("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1", "base64");
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");
const signingKey = createPrivateKey({
  key: Buffer.concat([pkcs8Prefix, seed]),
  format: "der",
  type: "pkcs8",
});
const signatureOf = (json: string): string =>
  sign(null, Buffer.from(json), signingKey).toString("base64").replace(/=+$/, "");

test("content hash, redaction and canonical JSON together reproduce the specification's event signatures", () => {
  const minimal = {
    room_id: "!x:domain",
    sender: "@a:domain",
    origin: "domain",
    origin_server_ts: 1000000,
    type: "X",
    content: {},
    prev_events: [],
    auth_events: [],
    depth: 3,
  };
  const sha256 = contentHash(minimal);
  assert.equal(sha256, "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos");
  assert.equal(
    signatureOf(canonicalJson(redactPdu({ ...minimal, hashes: { sha256 } }, versions[10]))),
    "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg",
  );

  // The second vector's event lacks what newer room versions require, but hashes and redacts all the same.
  const redactable = {
    content: { body: "Here is the message content" },
    event_id: "$0:domain",
    origin: "domain",
    origin_server_ts: 1000000,
    type: "m.room.message",
    room_id: "!r:domain",
    sender: "@u:domain",
  } as unknown as Omit<Pdu, "hashes">;
  const hash = contentHash(redactable);
  assert.equal(hash, "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g");
  assert.equal(
    signatureOf(canonicalJson(redactPdu({ ...redactable, hashes: { sha256: hash } }, versions[10]))),
    "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA",
  );
});

function message(content: JsonObject): Pdu {
  const draft = {
    auth_events: ["$a", "$b"],
    content,
    depth: 7,
    origin_server_ts: 1_700_000_000_000,
    prev_events: ["$c"],
    room_id: "!r:example.org",
    sender: "@ada:example.org",
    type: "m.room.message",
  };
  return { ...draft, hashes: { sha256: contentHash(draft) } };
}

test("an event keeps its id when it is redacted, in every version", () => {
  const pdu = message({ body: "secret", msgtype: "m.text" });
  for (const version of Object.values(versions)) {
    const redacted = redactPdu(pdu, version);
    assert.deepEqual(redacted.content, {});
    assert.equal(eventIdOf(redacted, version), eventIdOf(pdu, version));
    assert.match(eventIdOf(pdu, version), /^\$[A-Za-z0-9_-]{43}$/);
  }
});

test("the id depends on the content, by way of its hash, and not on the order of keys", () => {
  const first = eventIdOf(message({ body: "one", msgtype: "m.text" }), versions[11]);
  assert.equal(eventIdOf(message({ msgtype: "m.text", body: "one" }), versions[11]), first);
  assert.notEqual(eventIdOf(message({ body: "two", msgtype: "m.text" }), versions[11]), first);
  const { content, ...rest } = message({ body: "one", msgtype: "m.text" });
  assert.equal(eventIdOf({ content, ...rest }, versions[11]), first);
});

test("signatures and unsigned data are no part of the id", () => {
  const pdu = message({ body: "x" });
  const decorated = { ...pdu, unsigned: { age: 3 }, signatures: { "example.org": { "ed25519:1": "abc" } } };
  assert.equal(eventIdOf(decorated, versions[11]), eventIdOf(pdu, versions[11]));
});

test("the room id of version 12 is the create event's id with another sigil", () => {
  const draft = {
    type: "m.room.create",
    state_key: "",
    sender: "@ada:example.org",
    origin_server_ts: 1,
    content: { room_version: "12" },
    prev_events: [],
    auth_events: [],
    depth: 1,
  };
  const create: Pdu = { ...draft, hashes: { sha256: contentHash(draft) } };
  const expected = createHash("sha256")
    .update(
      `{"auth_events":[],"content":{"room_version":"12"},"depth":1,"hashes":{"sha256":"${create.hashes.sha256}"},"origin_server_ts":1,"prev_events":[],"sender":"@ada:example.org","state_key":"","type":"m.room.create"}`,
    )
    .digest("base64url");
  assert.equal(roomIdOfCreate(create, versions[12]), `!${expected}`);
  assert.equal(eventIdOf(create, versions[12]), `$${expected}`);
  assert.throws(() => roomIdOfCreate(create, versions[11]), /version 11/);
});
