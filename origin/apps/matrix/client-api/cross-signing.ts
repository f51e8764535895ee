import type { CrossSigningKey, KeyUsage, SignedKeys } from "../e2ee/cross-signing.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { badJson, invalidParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { needsPage, oauthStage, passwordStage, type Uia } from "../uia.ts";
import { checkSignatures } from "./keys.ts";
import { isObject, optionalObject, requireArray, requireObject, requireString } from "./read-body.ts";

const act = "cross-signing-reset";
const usages = ["master", "self_signing", "user_signing"] as const;

export function crossSigningRoutes(matrix: MatrixContext, uia: Uia): Route[] {
  const { crossSigning, database } = matrix;

  async function upload(call: Call): Promise<Answer> {
    const { userId, memberId } = call.requester;
    const byPage = needsPage(matrix, call);
    const body = await call.json();
    const keys = readUpload(body, userId);
    // The first keys, and the same ones again, need no password: see the operation's own text.
    const confirmed = crossSigning.replaces(userId, keys);
    if (confirmed) {
      const stage = byPage ? oauthStage(matrix, call, act) : passwordStage(matrix, call);
      const challenge = await uia(call, body, stage);
      if (challenge) return challenge;
    }
    await database.write((transaction) => crossSigning.upload(transaction, userId, keys, confirmed));
    if (confirmed && byPage) await matrix.members.endApproval(memberId, act);
    return {};
  }

  async function sign(call: Call): Promise<Answer> {
    const signed = readSigned(await call.json());
    const { userId } = call.requester;
    const failures = await database.write((transaction) => crossSigning.sign(transaction, userId, signed));
    return { failures };
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/keys/device_signing/upload",
      access: "reading",
      limit: "login",
      handle: upload,
    },
    // matrix-js-sdk still posts here.
    {
      method: "POST",
      path: "/_matrix/client/unstable/keys/device_signing/upload",
      access: "reading",
      limit: "login",
      handle: upload,
    },
    {
      method: "POST",
      path: "/_matrix/client/v3/keys/signatures/upload",
      access: "reading",
      limit: "writes",
      handle: sign,
    },
  ];
}

function readUpload(body: JsonObject, userId: string): Map<KeyUsage, CrossSigningKey> {
  const upload = new Map<KeyUsage, CrossSigningKey>();
  for (const usage of usages) {
    const key = optionalObject(body, `${usage}_key`);
    if (key) upload.set(usage, readKey(key, usage, userId));
  }
  return upload;
}

function readKey(key: JsonObject, usage: KeyUsage, userId: string): CrossSigningKey {
  if (requireString(key, "user_id") !== userId) throw invalidParam(`The ${usage} key is not of your own.`);
  if (!requireArray(key, "usage").includes(usage))
    throw invalidParam(`The ${usage} key is for another usage.`);
  checkSignatures(key);
  const [[name, publicKey] = [], ...others] = Object.entries(requireObject(key, "keys"));
  if (others.length > 0 || typeof publicKey !== "string" || name !== `ed25519:${publicKey}`) {
    throw badJson(`The ${usage} key must hold one ed25519 key, named by itself.`);
  }
  const { unsigned: _, ...signed } = key;
  return { publicKey, key: signed };
}

function readSigned(body: JsonObject): SignedKeys {
  const signed = new Map<string, Map<string, JsonObject>>();
  for (const [userId, keys] of Object.entries(body)) {
    if (!isObject(keys)) throw badJson("The body must hold an object of keys for each user.");
    const byKey = new Map<string, JsonObject>();
    for (const [keyId, key] of Object.entries(keys)) {
      if (!isObject(key)) throw badJson("A signed key must be an object.");
      checkSignatures(key);
      byKey.set(keyId, key);
    }
    signed.set(userId, byKey);
  }
  return signed;
}
