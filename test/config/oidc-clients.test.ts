import assert from "node:assert/strict";
import { test } from "node:test";

import { readOidcClients } from "../../origin/config/oidc-clients.ts";

const photos = { id: "photos", redirect_uris: ["https://photos.example.org/callback"] };

test("an app needs an id and an address, and everything else has a value", () => {
  assert.deepEqual(readOidcClients([photos]), [
    {
      id: "photos",
      name: "photos",
      redirectUris: ["https://photos.example.org/callback"],
      authMethod: "client_secret_basic",
      signedBy: "RS256",
      who: "members",
      groups: {},
    },
  ]);
  const [given] = readOidcClients([
    {
      ...photos,
      redirect_uris: ["http://localhost:8080/", "org.example.photos:/done", "http://photos.localhost/x"],
      name: "Photos",
      token_endpoint_auth_method: "none",
      who: ["ada", "ben"],
      groups: { editors: ["ben"] },
    },
  ]);
  assert.deepEqual([given?.who, given?.groups], [["ada", "ben"], { editors: ["ben"] }]);
});

test("what cannot be used is an error that names the app and says what would be right", () => {
  const cases: [value: unknown, expected: RegExp][] = [
    [{}, /\[\[oidc_client\]\]/],
    [[7], /\[\[oidc_client\]\]/],
    [[{ ...photos, id: "Photos" }], /id must be/],
    [[{ ...photos, id: "../x" }], /id must be/],
    [[{ redirect_uris: [] }], /number 1: id must be/],
    [[{ ...photos, secret: "x" }], /"photos": the key secret is not known/],
    [[{ ...photos, name: "" }], /name must be/],
    [[{ ...photos, redirect_uris: [] }], /redirect_uris must be/],
    [[{ ...photos, redirect_uris: "https://photos.example.org/" }], /redirect_uris must be/],
    [[{ ...photos, redirect_uris: ["http://photos.example.org/"] }], /must be https/],
    [[{ ...photos, redirect_uris: ["https://photos.example.org/#x"] }], /without a fragment/],
    [[{ ...photos, redirect_uris: ["https://ada@photos.example.org/"] }], /without a fragment, a user/],
    [[{ ...photos, redirect_uris: ["javascript:alert(1)"] }], /leads to no app/],
    [[{ ...photos, token_endpoint_auth_method: "private_key_jwt" }], /must be one of client_secret_basic/],
    [[{ ...photos, id_token_signed_response_alg: "none" }], /RS256 or ES256/],
    [[{ ...photos, who: "everyone" }], /who must be/],
    [[{ ...photos, who: ["Ada"] }], /who must be/],
    [[{ ...photos, groups: ["ben"] }], /groups must be a table/],
    [[{ ...photos, groups: { owner: ["ben"] } }], /the group owner is given/],
    [[{ ...photos, groups: { editors: "ben" } }], /the group editors must be names/],
    [[photos, photos], /the id "photos" twice/],
  ];
  for (const [value, expected] of cases) assert.throws(() => readOidcClients(value), expected);
});
