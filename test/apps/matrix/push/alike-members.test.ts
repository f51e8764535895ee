import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, RoomEvent } from "../../../../origin/apps/matrix/events/event.ts";
import { compileRules } from "../../../../origin/apps/matrix/push/evaluate.ts";
import { effectiveRules, noChoices, setEnabled } from "../../../../origin/apps/matrix/push/rule-set.ts";
import { ada, ben, roomState } from "../events/room-state.ts";

const roomId = "!r:example.org";
const plainRoom = roomState({ powerLevels: { users: { [ada]: 100 } } });

function eventOf(type: string, content: JsonObject, stateKey?: string): RoomEvent {
  return {
    so: 1,
    eventId: "$event",
    roomId,
    redactedBy: null,
    pdu: {
      room_id: roomId,
      type,
      content,
      sender: ada,
      origin_server_ts: 1_700_000_000_000,
      prev_events: [],
      auth_events: [],
      depth: 1,
      hashes: { sha256: "" },
      ...(stateKey !== undefined && { state_key: stateKey }),
    },
  };
}

const message = (body: string, more: JsonObject = {}): RoomEvent =>
  eventOf("m.room.message", { msgtype: "m.text", body, ...more });

test("members whose rules are alike hear the same, but for what is their own, whoever is judged first", () => {
  const cleo = "@cleo:example.org";
  const deaf = setEnabled(noChoices, "underride", ".m.rule.message", false);
  const evaluators = new Map([
    [ben, compileRules(effectiveRules(noChoices, ben))],
    [cleo, compileRules(effectiveRules(noChoices, cleo))],
    ["deaf", compileRules(effectiveRules(deaf, "@dan:example.org"))],
  ]);
  const heard = (event: RoomEvent, order: readonly string[]): Record<string, string> => {
    // One for all members of the room, as an event is judged that enters it.
    const facts = { room: plainRoom, memberCount: 5, displayName: undefined, subscribed: undefined };
    return Object.fromEntries(
      order.map((name) => {
        const { notify, highlight } = evaluators.get(name)!(event, facts);
        return [name, highlight ? "highlight" : notify ? "notify" : "nothing"];
      }),
    );
  };
  const invite = eventOf("m.room.member", { membership: "invite" }, cleo);
  const edit = { "m.relates_to": { rel_type: "m.replace", event_id: "$x" } };
  for (const order of [
    [ben, cleo, "deaf"],
    ["deaf", cleo, ben],
  ]) {
    const all = (toBen: string, toCleo: string, toDeaf: string): object => ({
      [ben]: toBen,
      [cleo]: toCleo,
      deaf: toDeaf,
    });
    assert.deepEqual(heard(message("x", { "m.mentions": {} }), order), all("notify", "notify", "nothing"));
    const toBen = message("x", { "m.mentions": { user_ids: [ben] } });
    assert.deepEqual(heard(toBen, order), all("highlight", "notify", "nothing"));
    assert.deepEqual(heard(message("ask cleo"), order), all("notify", "highlight", "nothing"));
    const toRoom = message("x", { "m.mentions": { room: true } });
    assert.deepEqual(heard(toRoom, order), all("highlight", "highlight", "highlight"));
    assert.deepEqual(heard(message("x", edit), order), all("nothing", "nothing", "nothing"));
    assert.deepEqual(heard(invite, order), all("nothing", "notify", "nothing"));
  }
});
