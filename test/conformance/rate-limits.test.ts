import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { limitNames } from "../../origin/members/rate-limits.ts";
import { type House, openHouse } from "../apps/matrix/rooms/house.ts";
import type { Operation } from "./plausible-request.ts";
import { walk, worldOf } from "./walk.ts";

let house: House;
before(async () => {
  house = await openHouse({ rateLimits: Object.fromEntries(limitNames.map((name) => [name, 1])) });
});
after(() => house.fixture.close());

const client = "/_matrix/client/v3";

/** Writing operations that no limit holds, and why not. */
const free: Readonly<Record<string, string>> = {
  [`POST ${client}/login`]: "without a password nothing is tried; a try takes from the limit",
  [`POST ${client}/logout`]: "an end is always possible",
  [`POST ${client}/logout/all`]: "an end is always possible",
  "POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync": "waits; how many may is bounded",
  "POST /_matrix/client/v4/sync": "the same",
  "PUT /_matrix/media/v3/upload/:serverName/:mediaId": "was counted when its id was made",
  // Refused, or answered, without a look at anything.
  "POST /_matrix/client/v1/appservice/:appserviceId/ping": "refuses",
  "POST /_matrix/key/v2/query": "refuses",
  ...Object.fromEntries(
    ["", "/add", "/bind", "/delete", "/unbind"].map((end) => [
      `POST ${client}/account/3pid${end}`,
      "refuses",
    ]),
  ),
  ...Object.fromEntries(
    ["register", "account/password", "account/3pid"].flatMap((path) =>
      ["email", "msisdn"].map((medium) => [`POST ${client}/${path}/${medium}/requestToken`, "refuses"]),
    ),
  ),
};

/** That look through much, or ask others. */
const expensive = [
  `GET ${client}/publicRooms`,
  "GET /_matrix/client/v1/rooms/:roomId/hierarchy",
  "GET /_matrix/client/v1/rooms/:roomId/threads",
  "GET /_matrix/client/v1/media/preview_url",
];

test("every operation that writes or is expensive is limited, or says why not", async () => {
  const { ada, ben, fixture } = house;
  const room = await house.make(ada);
  const world = worldOf(ada, ben, room, await house.say(ada, room, "hello"));
  const key = ({ method, path }: Operation): string => `${method} ${path}`;
  const only = (operation: Operation): boolean =>
    (!["GET", "OPTIONS"].includes(operation.method) || expensive.includes(key(operation))) &&
    !operation.path.startsWith("/_burrow/") &&
    !operation.path.includes("/admin/") &&
    !operation.path.includes("/logout");
  const request = { world, token: ada.token, only };
  // Whoever comes first takes what there is of a limit.
  await walk(fixture, request);
  const visits = await walk(fixture, request);
  assert.ok(visits.length > 70);
  const passed = visits.filter(({ reply }) => reply.status !== 429).map(({ operation }) => key(operation));
  assert.deepEqual(
    passed.filter((name) => free[name] === undefined),
    [],
  );
  const limited = visits.filter(({ reply }) => reply.status === 429).map(({ operation }) => key(operation));
  assert.deepEqual(
    limited.filter((name) => free[name] !== undefined),
    [],
    "the list is up to date",
  );
  for (const name of expensive) assert.ok(limited.includes(name), name);
});
