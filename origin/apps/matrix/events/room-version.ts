/**
 * What differs between the room versions that this server speaks (specification, Room Versions 1 to 12). What only
 * servers among themselves notice (state resolution, signatures, the strictness of foreign events) does not appear:
 * every event here is made here, by the strictest form of the rules.
 */
export interface RoomVersion {
  readonly id: string;
  /** False for a proposal's version, which its users ask for by name. */
  readonly isStable: boolean;
  /** `named`: a name of the server's choice (1, 2); otherwise the event's hash, in that form of base64 (3; from 4 on). */
  readonly eventIds: "named" | "base64" | "base64url";
  /** Up to 5 m.room.aliases has a rule of its own, and its content outlives a redaction (MSC2432). */
  readonly aliasEvents: boolean;
  /** From 7 on (MSC2403). */
  readonly knocking: boolean;
  /** From 8 on (MSC3083). */
  readonly restrictedJoins: boolean;
  /** From 9 on the member who let somebody in is still known after a redaction (MSC3375). */
  readonly keepsVoucher: boolean;
  /** From 10 on (MSC3787). */
  readonly knockRestricted: boolean;
  /** From 11 on `redacts` stands in the content of m.room.redaction, and redaction keeps other keys (MSC2174, MSC2176, MSC3989). */
  readonly redactsInContent: boolean;
  /** From 11 on the creator is the create event's sender, not `content.creator` (MSC2175). */
  readonly creatorIsSender: boolean;
  /** From 12 on the room id is the create event's hash (MSC4291). */
  readonly roomIdIsHash: boolean;
  /** From 12 on creators stand above every power level (MSC4289). */
  readonly privilegedCreators: boolean;
  /** A state key may be a user id with `_` and more, and whoever stands above the owner may set it (MSC3757). */
  readonly ownedState: boolean;
}

const first: RoomVersion = {
  id: "1",
  isStable: true,
  eventIds: "named",
  aliasEvents: true,
  knocking: false,
  restrictedJoins: false,
  keepsVoucher: false,
  knockRestricted: false,
  redactsInContent: false,
  creatorIsSender: false,
  roomIdIsHash: false,
  privilegedCreators: false,
  ownedState: false,
};

const steps: readonly [id: string, change: Partial<RoomVersion>][] = [
  ["2", {}],
  ["3", { eventIds: "base64" }],
  ["4", { eventIds: "base64url" }],
  ["5", {}],
  ["6", { aliasEvents: false }],
  ["7", { knocking: true }],
  ["8", { restrictedJoins: true }],
  ["9", { keepsVoucher: true }],
  ["10", { knockRestricted: true }],
  ["11", { redactsInContent: true, creatorIsSender: true }],
  ["12", { roomIdIsHash: true, privilegedCreators: true }],
];

/** By id. Each version is the one before it with what is new in it. */
export const roomVersions: ReadonlyMap<string, RoomVersion> = listVersions();

function listVersions(): Map<string, RoomVersion> {
  const versions = new Map([[first.id, first]]);
  let last = first;
  for (const [id, change] of steps) {
    last = { ...last, ...change, id };
    versions.set(id, last);
    if (id === "10" || id === "11") {
      const owned = `org.matrix.msc3757.${id}`;
      versions.set(owned, { ...last, id: owned, isStable: false, ownedState: true });
    }
  }
  return versions;
}
