import { badJson, forbidden } from "../matrix-error.ts";
import { authorisePowerLevels } from "./authorise-power-levels.ts";
import type { AuthState, Pdu } from "./event.ts";
import { domainOf, isUserId } from "./identifiers.ts";
import { actionLevel, requiredLevel, userLevel } from "./power-levels.ts";

/** What the rules cannot read from the event or the state. */
export interface AuthFacts {
  /**
   * The member in whose name this server lets the sender join a restricted room, once it has looked at the `allow`
   * rooms itself. It stands for the signature that a server gives only after that look, so a client that writes
   * `join_authorised_via_users_server` for itself gains nothing.
   */
  readonly vouchedBy?: string;
}

/** An event that may still lack its content hash: the rules do not read it. */
export type AuthorisedPdu = Omit<Pdu, "hashes">;

/**
 * The authorisation rules of room versions 1 to 12 (their §Authorisation rules, in the order of 10) for an event
 * made on this server, against the state just before it. Throws M_FORBIDDEN with the reason, M_BAD_JSON for what could
 * never be right.
 * The rules on `auth_events` do not appear: this server selects them itself.
 */
export function authorise(pdu: AuthorisedPdu, state: AuthState, facts: AuthFacts = {}): void {
  if (pdu.type === "m.room.create") return authoriseCreate(pdu, state);
  const create = state.get("m.room.create", "");
  if (create === undefined) throw forbidden("The room has no create event.");
  if (state.version.roomIdIsHash && pdu.room_id !== `!${create.eventId.slice(1)}`) {
    throw forbidden("The room's id is not the hash of its create event.");
  }
  if (create.content["m.federate"] === false && domainOf(pdu.sender) !== domainOf(create.sender)) {
    throw forbidden("This room is closed to users of other servers.");
  }
  if (pdu.type === "m.room.member") return authoriseMember(pdu, state, facts);
  if (state.version.aliasEvents && pdu.type === "m.room.aliases") {
    if (pdu.state_key === domainOf(pdu.sender)) return;
    throw forbidden("The state key of m.room.aliases must be the sender's server.");
  }

  if (membershipOf(state, pdu.sender) !== "join") throw forbidden("You are not in this room.");
  const level = userLevel(state, pdu.sender);
  if (pdu.type === "m.room.third_party_invite") {
    if (level < actionLevel(state, "invite")) throw forbidden("You may not invite people to this room.");
    return;
  }
  const required = requiredLevel(state, pdu.type, pdu.state_key !== undefined);
  if (required > level) {
    throw forbidden(`Sending ${pdu.type} takes power level ${required} in this room; yours is ${level}.`);
  }
  if (pdu.state_key?.startsWith("@") && pdu.state_key !== pdu.sender) {
    authoriseOwnedKey(pdu.state_key, pdu.sender, state);
  }
  if (pdu.type === "m.room.power_levels") authorisePowerLevels(pdu, state, level);
}

/** MSC3757, where the version has it: an owner's own keys, and for those above the owner everyone's. */
function authoriseOwnedKey(key: string, sender: string, state: AuthState): void {
  if (!state.version.ownedState) throw forbidden("A state key that is a user id must be your own.");
  const end = key.indexOf("_", key.indexOf(":") + 1);
  const owner = end === -1 ? key : key.slice(0, end);
  if (!isUserId(owner)) {
    throw badJson("A state key that begins with @ must be a user id, or one with _ and more behind it.");
  }
  if (owner === sender || userLevel(state, sender) > userLevel(state, owner)) return;
  throw forbidden("This state key belongs to somebody who does not stand below you.");
}

/**
 * Whether a redaction takes effect. The rules let anyone send one; here the redact level is asked for, unless the event
 * is the sender's own (§Handling redactions; "same domain" there would mean everyone on a server without federation).
 */
export function mayRedact(sender: string, targetSender: string, state: AuthState): boolean {
  return sender === targetSender || userLevel(state, sender) >= actionLevel(state, "redact");
}

/** `leave` where the state has no membership for the user. */
export function membershipOf(state: AuthState, userId: string): string {
  const membership = state.get("m.room.member", userId)?.content["membership"];
  return typeof membership === "string" ? membership : "leave";
}

/** Rule 1. */
function authoriseCreate(pdu: AuthorisedPdu, state: AuthState): void {
  const { version } = state;
  if (pdu.prev_events.length > 0 || state.get("m.room.create", "") !== undefined) {
    // Only to members: others are not told which rooms there are.
    if (membershipOf(state, pdu.sender) === "join") throw badJson("A room has one create event, its first.");
    throw forbidden("The room exists already.");
  }
  if (pdu.state_key !== "") throw forbidden("The create event's state key must be empty.");
  if (
    version.roomIdIsHash ? pdu.room_id !== undefined : domainOf(pdu.room_id ?? "") !== domainOf(pdu.sender)
  ) {
    throw forbidden(
      version.roomIdIsHash
        ? "In this room version the create event has no room id: its hash becomes the id."
        : "The room's id must bear the server name of its creator.",
    );
  }
  if (pdu.content["room_version"] !== version.id) {
    throw forbidden("The create event names another room version than the room's.");
  }
  if (!version.creatorIsSender && !Object.hasOwn(pdu.content, "creator")) {
    throw forbidden("In this room version the create event must name the creator.");
  }
  const additional = pdu.content["additional_creators"];
  if (version.privilegedCreators && additional !== undefined) {
    if (!Array.isArray(additional) || !additional.every(isUserId)) {
      throw forbidden("additional_creators must be a list of user ids.");
    }
  }
}

/** Rule 4 (5 in version 12). */
function authoriseMember(pdu: AuthorisedPdu, state: AuthState, facts: AuthFacts): void {
  const target = pdu.state_key;
  if (target === undefined) throw forbidden("A membership needs the user's id as its state key.");
  const authorisedVia = pdu.content["join_authorised_via_users_server"];
  if (authorisedVia !== undefined && authorisedVia !== facts.vouchedBy) {
    throw forbidden("join_authorised_via_users_server is for the server to set.");
  }
  switch (pdu.content["membership"]) {
    case "join":
      return authoriseJoin(pdu, target, state, facts);
    case "invite":
      return authoriseInvite(pdu, target, state);
    case "leave":
      return authoriseLeave(pdu, target, state);
    case "ban":
      return authoriseBan(pdu, target, state);
    case "knock":
      return authoriseKnock(pdu, target, state);
    default:
      throw forbidden("The membership must be join, invite, leave, ban or knock.");
  }
}

function authoriseJoin(pdu: AuthorisedPdu, target: string, state: AuthState, facts: AuthFacts): void {
  const create = state.get("m.room.create", "");
  const [onlyBefore, ...others] = pdu.prev_events;
  if (create !== undefined && onlyBefore === create.eventId && others.length === 0) {
    // Version 12's further creators join as everyone does: only the sender of the create event comes in first.
    const first = state.version.creatorIsSender ? create.sender : create.content["creator"];
    if (target === first && pdu.sender === target) return;
  }
  if (pdu.sender !== target) throw forbidden("You cannot join on behalf of someone else.");
  const current = membershipOf(state, target);
  // Before the join rule: else a ban would not hold in a public room.
  if (current === "ban") throw forbidden("You are banned from this room.");
  const rule = joinRuleOf(state);
  if (rule === "public") return;
  if (rule === "private" || !isRuleOf(state, rule)) {
    throw forbidden("Nobody may join this room.");
  }
  if (current === "join" || current === "invite") return;
  if (rule !== "restricted" && rule !== "knock_restricted") {
    throw forbidden("You need an invitation to join this room.");
  }
  const voucher = facts.vouchedBy;
  if (voucher === undefined || pdu.content["join_authorised_via_users_server"] !== voucher) {
    throw forbidden("You need an invitation, or to be in a room whose members may join this one.");
  }
  if (membershipOf(state, voucher) !== "join" || userLevel(state, voucher) < actionLevel(state, "invite")) {
    throw forbidden("Nobody on this server may invite you to this room.");
  }
}

function authoriseInvite(pdu: AuthorisedPdu, target: string, state: AuthState): void {
  if (pdu.content["third_party_invite"] !== undefined) {
    // No identity server is ever asked here, so no such proof can hold.
    throw forbidden("This server knows no invitations by e-mail address or telephone number.");
  }
  if (membershipOf(state, pdu.sender) !== "join") throw forbidden("You are not in this room.");
  const current = membershipOf(state, target);
  if (current === "join") throw forbidden("This user is already in the room.");
  if (current === "ban") throw forbidden("This user is banned from the room.");
  if (userLevel(state, pdu.sender) < actionLevel(state, "invite")) {
    throw forbidden("You may not invite people to this room.");
  }
}

function authoriseLeave(pdu: AuthorisedPdu, target: string, state: AuthState): void {
  const current = membershipOf(state, target);
  if (pdu.sender === target) {
    if (current === "join" || current === "invite" || current === "knock") return;
    throw forbidden(current === "ban" ? "You are banned from this room." : "You are not in this room.");
  }
  if (membershipOf(state, pdu.sender) !== "join") throw forbidden("You are not in this room.");
  const level = userLevel(state, pdu.sender);
  if (current === "ban" && level < actionLevel(state, "ban")) {
    throw forbidden("You may not lift bans in this room.");
  }
  // Lifting a ban takes this too: both levels, and standing above the banned user.
  if (level < actionLevel(state, "kick")) throw forbidden("You may not remove people from this room.");
  if (userLevel(state, target) >= level) throw forbidden("You must stand above the user whom you remove.");
}

function authoriseBan(pdu: AuthorisedPdu, target: string, state: AuthState): void {
  if (membershipOf(state, pdu.sender) !== "join") throw forbidden("You are not in this room.");
  const level = userLevel(state, pdu.sender);
  if (level < actionLevel(state, "ban")) throw forbidden("You may not ban people from this room.");
  if (userLevel(state, target) >= level) throw forbidden("You must stand above the user whom you ban.");
}

function authoriseKnock(pdu: AuthorisedPdu, target: string, state: AuthState): void {
  const rule = joinRuleOf(state);
  if (!isRuleOf(state, rule) || (rule !== "knock" && rule !== "knock_restricted")) {
    throw forbidden("This room takes no knocks.");
  }
  if (pdu.sender !== target) throw forbidden("You cannot knock on behalf of someone else.");
  const current = membershipOf(state, target);
  if (current === "ban") throw forbidden("You are banned from this room.");
  if (current === "invite") throw forbidden("You are invited to this room: join it.");
  if (current === "join") throw forbidden("You are already in this room.");
}

/** `invite` where the state has none. */
export function joinRuleOf(state: AuthState): string {
  const rule = state.get("m.room.join_rules", "")?.content["join_rule"];
  return typeof rule === "string" ? rule : "invite";
}

/** Whether the room's version knows the join rule: of one that it does not know, nobody may make use. */
export function isRuleOf({ version }: Pick<AuthState, "version">, rule: string): boolean {
  switch (rule) {
    case "public":
    case "invite":
    case "private":
      return true;
    case "knock":
      return version.knocking;
    case "restricted":
      return version.restrictedJoins;
    default:
      return rule === "knock_restricted" && version.knockRestricted;
  }
}
