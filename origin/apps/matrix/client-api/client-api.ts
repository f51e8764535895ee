import type { FollowMembers } from "../follow-members.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { Route } from "../route.ts";
import type { Uia } from "../uia.ts";
import { accountDataRoutes } from "./account-data.ts";
import { accountDeactivationRoutes } from "./account-deactivation.ts";
import { administrativeContactRoutes } from "./administrative-contact.ts";
import { authedContentRepoRoutes } from "./authed-content-repo.ts";
import { banningRoutes } from "./banning.ts";
import { capabilitiesRoutes } from "./capabilities.ts";
import { contentRepoRoutes } from "./content-repo.ts";
import { createRoomRoutes } from "./create-room.ts";
import { crossSigningRoutes } from "./cross-signing.ts";
import { dehydratedDeviceRoutes } from "./dehydrated-device.ts";
import { deviceManagementRoutes } from "./device-management.ts";
import { directoryRoutes } from "./directory.ts";
import { eventContextRoutes } from "./event-context.ts";
import { filterRoutes } from "./filter.ts";
import { invitingRoutes } from "./inviting.ts";
import { joiningRoutes } from "./joining.ts";
import { keyBackupRoutes } from "./key-backup.ts";
import { keysRoutes } from "./keys.ts";
import { kickingRoutes } from "./kicking.ts";
import { knockingRoutes } from "./knocking.ts";
import { leavingRoutes } from "./leaving.ts";
import { listJoinedRoomsRoutes } from "./list-joined-rooms.ts";
import { listPublicRoomsRoutes } from "./list-public-rooms.ts";
import { loginRoutes } from "./login.ts";
import { logoutRoutes } from "./logout.ts";
import { messagePaginationRoutes } from "./message-pagination.ts";
import { mutualRoomsRoutes } from "./mutual-rooms.ts";
import { passwordManagementRoutes } from "./password-management.ts";
import { profileRoutes } from "./profile.ts";
import { pusherRoutes } from "./pusher.ts";
import { pushrulesRoutes } from "./pushrules.ts";
import { readMarkersRoutes } from "./read-markers.ts";
import { receiptsRoutes } from "./receipts.ts";
import { redactionRoutes } from "./redaction.ts";
import { refreshRoutes } from "./refresh.ts";
import { registrationRoutes } from "./registration.ts";
import { registrationTokensRoutes } from "./registration-tokens.ts";
import { relationsRoutes } from "./relations.ts";
import { resumableUploadRoutes } from "./resumable-upload.ts";
import { roomSendRoutes } from "./room-send.ts";
import { roomStateRoutes } from "./room-state.ts";
import { roomSummaryRoutes } from "./room-summary.ts";
import { roomUpgradesRoutes } from "./room-upgrades.ts";
import { roomsRoutes } from "./rooms.ts";
import { slidingSyncRoutes } from "./sliding-sync.ts";
import { spaceHierarchyRoutes } from "./space-hierarchy.ts";
import { syncRoutes } from "./sync.ts";
import { tagsRoutes } from "./tags.ts";
import { thirdPartyLookupRoutes } from "./third-party-lookup.ts";
import { toDeviceRoutes } from "./to-device.ts";
import { typingRoutes } from "./typing.ts";
import { usersRoutes } from "./users.ts";
import { versionsRoutes } from "./versions.ts";
import { voipRoutes } from "./voip.ts";
import { wellknownRoutes } from "./wellknown.ts";
import { whoamiRoutes } from "./whoami.ts";

/** Every operation that this server answers, by the specification's groups. */
export function clientApiRoutes(matrix: MatrixContext, uia: Uia, following: FollowMembers): Route[] {
  return [
    // Discovery
    ...versionsRoutes(),
    ...wellknownRoutes(matrix),
    ...capabilitiesRoutes(matrix),
    // Accounts, sessions, devices
    ...loginRoutes(matrix, following),
    ...logoutRoutes(matrix, following),
    ...refreshRoutes(matrix),
    ...whoamiRoutes(),
    ...registrationRoutes(matrix, uia, following),
    ...registrationTokensRoutes(matrix),
    ...passwordManagementRoutes(matrix, uia, following),
    ...accountDeactivationRoutes(matrix, uia, following),
    ...administrativeContactRoutes(),
    ...deviceManagementRoutes(matrix, uia, following),
    // Rooms
    ...createRoomRoutes(matrix),
    ...roomsRoutes(matrix),
    ...joiningRoutes(matrix),
    ...leavingRoutes(matrix),
    ...invitingRoutes(matrix),
    ...kickingRoutes(matrix),
    ...banningRoutes(matrix),
    ...knockingRoutes(matrix),
    ...directoryRoutes(matrix),
    ...listPublicRoomsRoutes(matrix),
    ...listJoinedRoomsRoutes(matrix),
    ...mutualRoomsRoutes(matrix),
    ...roomSummaryRoutes(matrix),
    ...spaceHierarchyRoutes(matrix),
    ...roomUpgradesRoutes(matrix),
    ...roomStateRoutes(matrix),
    ...roomSendRoutes(matrix),
    ...redactionRoutes(matrix),
    ...eventContextRoutes(matrix),
    ...messagePaginationRoutes(matrix),
    ...relationsRoutes(matrix),
    // What is new
    ...syncRoutes(matrix),
    ...slidingSyncRoutes(matrix),
    ...filterRoutes(matrix),
    ...typingRoutes(matrix),
    ...receiptsRoutes(matrix),
    ...readMarkersRoutes(matrix),
    // People and their data
    ...profileRoutes(matrix),
    ...usersRoutes(matrix),
    ...accountDataRoutes(matrix),
    ...tagsRoutes(matrix),
    ...pushrulesRoutes(matrix),
    ...pusherRoutes(),
    // End-to-end encryption
    ...keysRoutes(matrix),
    ...crossSigningRoutes(matrix, uia),
    ...keyBackupRoutes(matrix),
    ...toDeviceRoutes(matrix),
    // Media
    ...contentRepoRoutes(matrix),
    ...authedContentRepoRoutes(matrix),
    ...resumableUploadRoutes(matrix),
    ...dehydratedDeviceRoutes(matrix),
    // Small answers
    ...thirdPartyLookupRoutes(),
    ...voipRoutes(),
  ];
}
