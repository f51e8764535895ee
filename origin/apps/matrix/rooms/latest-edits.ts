import type { RoomEvent } from "../events/event.ts";
import { relationOf } from "./append.ts";
import type { Relating } from "./relation-store.ts";

/** The edit that shows of each event, by the event's id; invalid ones are as if they were not there. */
export function latestEdits(
  targets: ReadonlyMap<string, RoomEvent>,
  related: readonly Relating[],
): Map<string, Relating> {
  const edits = new Map<string, Relating>();
  for (const edit of related) {
    const target = targets.get(edit.target);
    if (!target || !isValid(edit, target)) continue;
    const best = edits.get(edit.target);
    if (!best || isLater(edit, best)) edits.set(edit.target, edit);
  }
  return edits;
}

/** §Event replacements, Validity: the same sender and type, no state event, and no edit of an edit. */
function isValid(edit: Relating, target: RoomEvent): boolean {
  return (
    edit.relType === "m.replace" &&
    target.redactedBy === null &&
    edit.sender === target.pdu.sender &&
    edit.type === target.pdu.type &&
    !edit.isState &&
    relationOf(target.pdu)?.relType !== "m.replace"
  );
}

/** §Applying m.new_content: by the senders' clocks, then by event id. */
function isLater(edit: Relating, than: Relating): boolean {
  return edit.originTs > than.originTs || (edit.originTs === than.originTs && edit.eventId > than.eventId);
}
