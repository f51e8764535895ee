import assert from "node:assert/strict";
import { test } from "node:test";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";
import {
  type FilterableEvent,
  parseFilter,
  parseRoomEventFilter,
} from "../../../../origin/apps/matrix/sync/filter.ts";

const ada = "@ada:example.org";
const ben = "@ben:example.org";
const message: FilterableEvent = { type: "m.room.message", sender: ada, content: { body: "x" } };

const passes = (definition: object, event: FilterableEvent, roomId = "!r:example.org"): boolean =>
  parseRoomEventFilter(definition).matches(event, roomId);

test("an empty filter lets everything through and asks for nothing", () => {
  const filter = parseFilter({});
  for (const part of [
    filter.presence,
    filter.accountData,
    ...Object.values(filter.room).filter((p) => typeof p === "object"),
  ]) {
    assert.equal(part.matchesAll, true);
    assert.equal(part.limit, undefined);
    assert.equal(part.matches(message, "!r:example.org"), true);
  }
  assert.equal(filter.room.includes("!r:example.org"), true);
  assert.equal(filter.room.includeLeave, false);
  assert.equal(filter.pickFields, undefined);
  const { timeline } = filter.room;
  assert.deepEqual(
    [timeline.lazyLoadMembers, timeline.includeRedundantMembers, timeline.unreadThreadNotifications],
    [false, false, false],
  );
  assert.deepEqual([timeline.relatedByRelTypes, timeline.relatedBySenders], [undefined, undefined]);
});

test("types: named, by wildcard, and the excluded win", () => {
  assert.equal(passes({ types: ["m.room.message"] }, message), true);
  assert.equal(passes({ types: ["m.room.*"] }, message), true);
  assert.equal(passes({ types: ["m.*.message", "x"] }, message), true);
  assert.equal(passes({ types: ["m.room"] }, message), false);
  assert.equal(passes({ types: ["M.ROOM.*"] }, message), false);
  assert.equal(passes({ types: [] }, message), false);
  assert.equal(passes({ not_types: [] }, message), true);
  assert.equal(passes({ types: ["*"], not_types: ["m.room.*"] }, message), false);
  assert.equal(passes({ not_types: ["m.room.member"] }, message), true);
});

test("senders: the named, the excluded, and events that have none", () => {
  assert.equal(passes({ senders: [ada] }, message), true);
  assert.equal(passes({ senders: [ben] }, message), false);
  assert.equal(passes({ senders: [ada], not_senders: [ada] }, message), false);
  const tag: FilterableEvent = { type: "m.tag", content: {} };
  assert.equal(passes({ senders: [ada] }, tag), false);
  assert.equal(passes({ not_senders: [ada] }, tag), true);
});

test("rooms: for a section, and for all of them", () => {
  assert.equal(passes({ rooms: ["!r:example.org"] }, message), true);
  assert.equal(passes({ rooms: ["!s:example.org"] }, message), false);
  assert.equal(passes({ rooms: ["!r:example.org"], not_rooms: ["!r:example.org"] }, message), false);
  assert.equal(passes({ rooms: [] }, message), false);
  const filter = parseFilter({ room: { not_rooms: ["!r:example.org"], include_leave: true } });
  assert.deepEqual(["!r:example.org", "!s:example.org"].map(filter.room.includes), [false, true]);
  assert.equal(filter.room.includeLeave, true);
});

test("contains_url looks for a url among the content's own keys", () => {
  const image: FilterableEvent = { ...message, content: { url: "mxc://example.org/a" } };
  assert.deepEqual(
    [image, message].map((event) => passes({ contains_url: true }, event)),
    [true, false],
  );
  assert.deepEqual(
    [image, message].map((event) => passes({ contains_url: false }, event)),
    [false, true],
  );
});

test("an event's own relation can be asked for (MSC3874)", () => {
  const related = (rel_type: unknown): FilterableEvent => ({
    ...message,
    content: { "m.relates_to": { rel_type } as never },
  });
  const events = [message, related("m.thread"), related("m.reference"), related(1)];
  const ask = (key: string, types: string[]): boolean[] =>
    events.map((event) => passes({ [`org.matrix.msc3874.${key}`]: types }, event));
  assert.deepEqual(ask("rel_types", ["m.thread"]), [false, true, false, false]);
  assert.deepEqual(ask("rel_types", ["m.thread", "m.reference"]), [false, true, true, false]);
  assert.deepEqual(ask("rel_types", []), [false, false, false, false]);
  assert.deepEqual(ask("not_rel_types", ["m.thread"]), [true, false, true, true]);
});

test("conditions are combined, and sections are kept apart", () => {
  const filter = parseFilter({
    account_data: { types: ["m.direct"] },
    presence: { not_types: ["*"] },
    room: {
      timeline: {
        types: ["m.room.message"],
        not_senders: [ben],
        limit: 20,
        unread_thread_notifications: true,
        related_by_rel_types: ["m.thread"],
        related_by_senders: [ben],
      },
      state: { lazy_load_members: true, include_redundant_members: true },
      ephemeral: { types: [] },
    },
  });
  const { timeline, state, ephemeral, accountData } = filter.room;
  assert.equal(timeline.matches(message), true);
  assert.equal(timeline.matches({ ...message, sender: ben }), false);
  assert.equal(timeline.matches({ ...message, type: "m.reaction" }), false);
  assert.deepEqual(
    [timeline.limit, timeline.matchesAll, timeline.unreadThreadNotifications],
    [20, false, true],
  );
  assert.deepEqual([timeline.relatedByRelTypes, timeline.relatedBySenders], [["m.thread"], [ben]]);
  assert.deepEqual(
    [state.lazyLoadMembers, state.includeRedundantMembers, state.matchesAll],
    [true, true, true],
  );
  assert.equal(ephemeral.matches({ type: "m.typing", content: {} }), false);
  assert.equal(accountData.matchesAll, true);
  assert.equal(filter.accountData.matches({ type: "m.push_rules", content: {} }), false);
  assert.equal(filter.presence.matches({ type: "m.presence", sender: ben, content: {} }), false);
});

test("event_fields picks whole fields and parts of fields", () => {
  const event = {
    type: "m.room.message",
    sender: ada,
    content: Object.freeze({
      body: "x",
      "m.relates_to": { rel_type: "m.thread", event_id: "$a" },
      "a\\b": 1,
    }),
    unsigned: { age: 3 },
  };
  const pick = (...fields: string[]): unknown => parseFilter({ event_fields: fields }).pickFields?.(event);
  assert.deepEqual(pick("type", "content.body"), { type: "m.room.message", content: { body: "x" } });
  assert.deepEqual(pick("content.m\\.relates_to.rel_type", "content.a\\\\b"), {
    content: { "m.relates_to": { rel_type: "m.thread" }, "a\\b": 1 },
  });
  assert.deepEqual(pick("content", "content.body"), { content: event.content });
  assert.deepEqual(pick("content.body", "content"), { content: event.content });
  assert.deepEqual(pick("content.missing", "type.length", "constructor", "content.body.length", ""), {});
  assert.deepEqual(event.unsigned, { age: 3 });
  assert.equal(Object.keys(event.content).length, 3);
  const polluting = JSON.parse('{"__proto__":{"polluted":1}}') as object;
  const picked = parseFilter({ event_fields: ["__proto__.polluted", "__proto__"] }).pickFields?.(polluting);
  assert.equal(Object.getPrototypeOf(picked), Object.prototype);
  assert.equal(parseFilter({ event_fields: [] }).pickFields, undefined);
});

test("a bad filter is refused with the path of the key", () => {
  const bad: [definition: unknown, errcode: string, names: string][] = [
    ["x", "M_BAD_JSON", "The filter"],
    [null, "M_BAD_JSON", "The filter"],
    [[], "M_BAD_JSON", "The filter"],
    [{ presence: "not_an_object" }, "M_BAD_JSON", "presence"],
    [{ room: [] }, "M_BAD_JSON", "room"],
    [{ room: { timeline: "not_an_object" } }, "M_BAD_JSON", "room.timeline"],
    [{ room: { timeline: { rooms: ["not_a_room_id"] } } }, "M_BAD_JSON", "room.timeline.rooms"],
    [{ room: { timeline: { senders: ["not_a_sender_id"] } } }, "M_BAD_JSON", "room.timeline.senders"],
    [{ room: { rooms: "!r:example.org" } }, "M_BAD_JSON", "room.rooms"],
    [{ room: { state: { types: "m.room.message" } } }, "M_BAD_JSON", "room.state.types"],
    [{ room: { state: { types: [1] } } }, "M_BAD_JSON", "room.state.types"],
    [{ room: { state: { lazy_load_members: "yes" } } }, "M_BAD_JSON", "room.state.lazy_load_members"],
    [{ room: { include_leave: 1 } }, "M_BAD_JSON", "room.include_leave"],
    [{ room: { timeline: { limit: "10" } } }, "M_BAD_JSON", "room.timeline.limit"],
    [{ room: { timeline: { limit: 1.5 } } }, "M_BAD_JSON", "room.timeline.limit"],
    [{ room: { timeline: { limit: -1 } } }, "M_INVALID_PARAM", "room.timeline.limit"],
    [{ room: { timeline: { contains_url: 0 } } }, "M_BAD_JSON", "room.timeline.contains_url"],
    [{ room: { timeline: { types: Array(501).fill("*a*") } } }, "M_INVALID_PARAM", "room.timeline.types"],
    [{ event_fields: "content" }, "M_BAD_JSON", "event_fields"],
    [{ event_format: "xml" }, "M_INVALID_PARAM", "event_format"],
  ];
  for (const [definition, errcode, names] of bad) {
    assert.throws(
      () => parseFilter(definition),
      (error) => {
        assert.ok(error instanceof MatrixError, String(error));
        assert.deepEqual([error.status, error.errcode], [400, errcode]);
        assert.ok(error.message.startsWith(`${names} `), error.message);
        return true;
      },
    );
  }
});

test("nulls count as absent, unknown keys are left alone, a limit of 0 is kept", () => {
  const filter = parseFilter({
    room: { timeline: { types: null, limit: 0, "org.example.new": {} }, state: null },
    "org.example.msc": true,
    event_format: "federation",
  });
  assert.equal(filter.room.timeline.matchesAll, true);
  assert.equal(filter.room.timeline.limit, 0);
});
