import { generateKeyPair, hash, type JsonWebKey } from "node:crypto";
import { promisify } from "node:util";
import { partsToHide, readOptionalSecret, writeSecret } from "./secrets.ts";

/** A private key as a JWK (RFC 7517), with its `kid` and `alg`. */
export interface SigningKey extends JsonWebKey {
  readonly kid: string;
  readonly alg: "ES256" | "RS256";
  readonly use: "sig";
}

/** Keys per algorithm: the first signs, the one before verifies what it has signed until its tokens are old. */
const mostOfAlgorithm = 2;

const generate = promisify(generateKeyPair);

/** The keys that there are, made where there are none yet. Throws SecretError when others could have read them. */
export async function openOidcKeys(
  dataDir: string,
  log: { hide(secret: string): void },
): Promise<SigningKey[]> {
  const there = readOptionalSecret(dataDir, "oidc-keys");
  const content = there ?? (await newOidcKeys());
  for (const part of partsToHide(content)) log.hide(part);
  if (there === undefined) writeSecret(dataDir, "oidc-keys", content);
  return readOidcKeys(content);
}

/** The content of the secret `oidc-keys`: one key a line, those that sign first. */
export async function newOidcKeys(before = ""): Promise<string> {
  const [ec, rsa] = await Promise.all([
    generate("ec", { namedCurve: "P-256" }),
    generate("rsa", { modulusLength: 2048 }),
  ]);
  const made = [
    describe(ec.privateKey.export({ format: "jwk" }), "ES256"),
    describe(rsa.privateKey.export({ format: "jwk" }), "RS256"),
  ];
  const keys = [...made, ...readOidcKeys(before)];
  const kept = keys.filter(
    (key, index) => keys.slice(0, index).filter(({ alg }) => alg === key.alg).length < mostOfAlgorithm,
  );
  return kept.map((key) => JSON.stringify(key)).join("\n");
}

/** Throws SyntaxError on what `newOidcKeys` has not written. */
export function readOidcKeys(content: string): SigningKey[] {
  const lines = content.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const key = JSON.parse(line) as SigningKey;
    if (typeof key.kid !== "string" || typeof key.d !== "string") throw new SyntaxError("not a private key");
    return key;
  });
}

function describe(jwk: JsonWebKey, alg: SigningKey["alg"]): SigningKey {
  // RFC 7638: a name that follows from the public part.
  const { kty, crv, x, y, e, n } = jwk;
  const named = JSON.stringify(kty === "EC" ? { crv, kty, x, y } : { e, kty, n });
  return { ...jwk, kid: hash("sha256", named, "base64url"), alg, use: "sig" };
}
