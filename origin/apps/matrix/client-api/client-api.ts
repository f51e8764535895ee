import type { FollowMembers } from "../../../members/follow-changes.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { Route } from "../route.ts";
import { createShortLivedSecrets } from "../../../gate/short-lived-secrets.ts";
import type { LoginTokens } from "../sign-in.ts";
import type { Uia } from "../uia.ts";
import { accountDataRoutes } from "./account-data.ts";
import { accountDeactivationRoutes } from "./account-deactivation.ts";
import { adminRoutes } from "./admin.ts";
import { administrativeContactRoutes } from "./administrative-contact.ts";
import { authedContentRepoRoutes } from "./authed-content-repo.ts";
import { appservicePingRoutes } from "./appservice-ping.ts";
import { banningRoutes } from "./banning.ts";
import { capabilitiesRoutes } from "./capabilities.ts";
import { contentRepoRoutes } from "./content-repo.ts";
import { createRoomRoutes } from "./create-room.ts";
import { crossSigningRoutes } from "./cross-signing.ts";
import { dehydratedDeviceRoutes } from "./dehydrated-device.ts";
import { delayedEventsRoutes } from "./delayed-events.ts";
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
import { loginTokenRoutes } from "./login-token.ts";
import { logoutRoutes } from "./logout.ts";
import { messagePaginationRoutes } from "./message-pagination.ts";
import { notificationsRoutes } from "./notifications.ts";
import { mutualRoomsRoutes } from "./mutual-rooms.ts";
import { oldSyncRoutes } from "./old-sync.ts";
import { oauthServerMetadataRoutes } from "./oauth-server-metadata.ts";
import { openidRoutes } from "./openid.ts";
import { passwordManagementRoutes } from "./password-management.ts";
import { presenceRoutes } from "./presence.ts";
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
import { reportContentRoutes } from "./report-content.ts";
import { resumableUploadRoutes } from "./resumable-upload.ts";
import { roomEventByTimestampRoutes } from "./room-event-by-timestamp.ts";
import { roomInitialSyncRoutes } from "./room-initial-sync.ts";
import { roomSendRoutes } from "./room-send.ts";
import { roomStateRoutes } from "./room-state.ts";
import { roomSummaryRoutes } from "./room-summary.ts";
import { roomUpgradesRoutes } from "./room-upgrades.ts";
import { roomsRoutes } from "./rooms.ts";
import { searchRoutes } from "./search.ts";
import { slidingSyncRoutes } from "./sliding-sync.ts";
import { spaceHierarchyRoutes } from "./space-hierarchy.ts";
import { rtcTransportsRoutes } from "./rtc-transports.ts";
import { ssoLoginRedirectRoutes } from "./sso-login-redirect.ts";
import { syncRoutes } from "./sync.ts";
import { tagsRoutes } from "./tags.ts";
import { thirdPartyLookupRoutes } from "./third-party-lookup.ts";
import { threadSubscriptionsRoutes } from "./thread-subscriptions.ts";
import { threadsListRoutes } from "./threads-list.ts";
import { toDeviceRoutes } from "./to-device.ts";
import { typingRoutes } from "./typing.ts";
import { usersRoutes } from "./users.ts";
import { versionsRoutes } from "./versions.ts";
import { voipRoutes } from "./voip.ts";
import { wellknownRoutes } from "./wellknown.ts";
import { whoamiRoutes } from "./whoami.ts";

/** Every operation that this server answers, by the specification's groups. */
export function clientApiRoutes(matrix: MatrixContext, uia: Uia, following: FollowMembers): Route[] {
  const loginTokens: LoginTokens = createShortLivedSecrets(matrix.now);
  return [
    // Discovery
    ...versionsRoutes(),
    ...wellknownRoutes(matrix),
    ...capabilitiesRoutes(matrix),
    ...oauthServerMetadataRoutes(matrix),
    // Accounts, sessions, devices
    ...loginRoutes(matrix, following, loginTokens),
    ...loginTokenRoutes(matrix, uia, loginTokens),
    ...ssoLoginRedirectRoutes(),
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
    ...delayedEventsRoutes(matrix),
    ...eventContextRoutes(matrix),
    ...messagePaginationRoutes(matrix),
    ...relationsRoutes(matrix),
    ...threadsListRoutes(matrix),
    ...roomEventByTimestampRoutes(matrix),
    ...searchRoutes(matrix),
    // What is new
    ...syncRoutes(matrix),
    ...oldSyncRoutes(matrix),
    ...roomInitialSyncRoutes(matrix),
    ...slidingSyncRoutes(matrix),
    ...filterRoutes(matrix),
    ...typingRoutes(matrix),
    ...receiptsRoutes(matrix),
    ...readMarkersRoutes(matrix),
    // People and their data
    ...profileRoutes(matrix),
    ...presenceRoutes(matrix),
    ...usersRoutes(matrix),
    ...accountDataRoutes(matrix),
    ...tagsRoutes(matrix),
    ...pushrulesRoutes(matrix),
    ...pusherRoutes(matrix),
    ...notificationsRoutes(matrix),
    ...threadSubscriptionsRoutes(matrix),
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
    // Moderation
    ...adminRoutes(matrix),
    ...reportContentRoutes(matrix),
    // Small answers
    ...thirdPartyLookupRoutes(),
    ...appservicePingRoutes(),
    ...openidRoutes(matrix),
    ...voipRoutes(),
    ...rtcTransportsRoutes(matrix),
  ];
}
