const client = "/_matrix/client";
const accountData = `${client}/unstable/org.matrix.msc3391/user/{}`;
const delayed = `${client}/unstable/org.matrix.msc4140/delayed_events`;
const dehydrated = `${client}/unstable/org.matrix.msc3814.v1/dehydrated_device`;
const threadSubscription = `${client}/unstable/io.element.msc4306/rooms/{}/thread/{}/subscription`;
const resumable = "/_matrix/media/unstable/burrow/resumable";

/** What is built and in none of the specification's OpenAPI documents, one a line. */
export const beyondTheDocuments: readonly string[] = [
  "GET /_matrix/federation/v1/version",
  "GET /_matrix/key/v2/query",
  "POST /_matrix/key/v2/query",
  `GET ${client}/v3/pushrules`,
  `GET ${client}/v3/pushrules/global`,
  ...["GET", "PUT"].map((method) => `${method} ${client}/v3/rooms/{}/state/{}`),
  ...["GET", "PUT"].map((method) => `${method} ${client}/v3/rooms/{}/state/{}/`),
  // Uploads in parts.
  `POST ${resumable}`,
  ...["GET", "PATCH", "DELETE"].map((method) => `${method} ${resumable}/{}`),
  // Paths of before some of it was taken into the specification, which clients ask yet.
  `POST ${client}/unstable/keys/device_signing/upload`,
  `GET ${client}/unstable/im.nheko.summary/summary/{}`,
  `GET ${client}/unstable/im.nheko.summary/rooms/{}/summary`,
  `GET ${client}/unstable/uk.half-shot.msc2666/user/mutual_rooms`,
  `GET ${client}/unstable/uk.tcpip.msc4133/profile/{}`,
  ...["GET", "PUT", "DELETE"].map((method) => `${method} ${client}/unstable/uk.tcpip.msc4133/profile/{}/{}`),
  `GET ${client}/unstable/org.matrix.msc2965/auth_metadata`,
  // Proposals.
  `DELETE ${accountData}/account_data/{}`,
  `DELETE ${accountData}/rooms/{}/account_data/{}`,
  ...["GET", "POST"].map((method) => `${method} ${delayed}/{}`),
  `GET ${delayed}`,
  ...["restart", "send", "cancel"].map((action) => `POST ${delayed}/{}/${action}`),
  `GET ${client}/unstable/org.matrix.msc4143/rtc/transports`,
  ...["PUT", "GET", "DELETE"].map((method) => `${method} ${dehydrated}`),
  `GET ${dehydrated}/{}/events`,
  `POST ${dehydrated}/{}/events`,
  ...["GET", "PUT", "DELETE"].map((method) => `${method} ${threadSubscription}`),
  `GET ${client}/unstable/io.element.msc4308/thread_subscriptions`,
  `POST ${client}/unstable/org.matrix.simplified_msc3575/sync`,
  `POST ${client}/v4/sync`,
];
