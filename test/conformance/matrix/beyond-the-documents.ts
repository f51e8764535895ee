const client = "/_matrix/client";
const dehydrated = `${client}/unstable/org.matrix.msc3814.v1/dehydrated_device`;
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
  // Proposals.
  ...["PUT", "GET", "DELETE"].map((method) => `${method} ${dehydrated}`),
  `GET ${dehydrated}/{}/events`,
  `POST ${dehydrated}/{}/events`,
  `POST ${client}/unstable/org.matrix.simplified_msc3575/sync`,
  `POST ${client}/v4/sync`,
];
