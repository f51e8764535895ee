/** What differs between the room versions that this server speaks (specification, Room Versions 10, 11, 12). */
export interface RoomVersion {
  readonly id: "10" | "11" | "12";
  /** From 11 on `redacts` stands in the content of m.room.redaction, and redaction keeps other keys (MSC2174, MSC2176, MSC3989). */
  readonly redactsInContent: boolean;
  /** From 11 on the creator is the create event's sender, not `content.creator` (MSC2175). */
  readonly creatorIsSender: boolean;
  /** From 12 on the room id is the create event's hash (MSC4291). */
  readonly roomIdIsHash: boolean;
  /** From 12 on creators stand above every power level (MSC4289). */
  readonly privilegedCreators: boolean;
}

export const roomVersions: ReadonlyMap<string, RoomVersion> = new Map(
  (
    [
      {
        id: "10",
        redactsInContent: false,
        creatorIsSender: false,
        roomIdIsHash: false,
        privilegedCreators: false,
      },
      {
        id: "11",
        redactsInContent: true,
        creatorIsSender: true,
        roomIdIsHash: false,
        privilegedCreators: false,
      },
      {
        id: "12",
        redactsInContent: true,
        creatorIsSender: true,
        roomIdIsHash: true,
        privilegedCreators: true,
      },
    ] as const
  ).map((version) => [version.id, version]),
);
