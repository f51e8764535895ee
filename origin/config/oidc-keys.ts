import { createPrivateKey, generateKeyPair, hash, type JsonWebKey, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { partsToHide, readOptionalSecret, SecretError, secretFile, writeSecret } from "./secrets.ts";

/** A private key as a JWK (RFC 7517). */
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
  try {
    return readLines(content).map(readKey);
  } catch {
    throw new SecretError(
      `The secret ${secretFile(dataDir, "oidc-keys")} is damaged. Run "burrow rotate oidc-keys" for new ones: apps ask their people to sign in again.`,
    );
  }
}

/** The content of the secret: one `es256.KEY` or `rs256.KEY` a line (PKCS #8 in base64url), those that sign first. */
export async function newOidcKeys(before = ""): Promise<string> {
  const [ec, rsa] = await Promise.all([
    generate("ec", { namedCurve: "P-256" }),
    generate("rsa", { modulusLength: 2048 }),
  ]);
  const lines = [
    writeKey("es256", ec.privateKey),
    writeKey("rs256", rsa.privateKey),
    ...readLines(before).filter((line) => /^(?:es|rs)256\./.test(line)),
  ];
  const algorithm = (line: string): string => line.slice(0, 5);
  const isKept = (line: string, index: number): boolean =>
    lines.slice(0, index).filter((other) => algorithm(other) === algorithm(line)).length < mostOfAlgorithm;
  return lines.filter(isKept).join("\n");
}

const readLines = (content: string): string[] => content.split("\n").filter((line) => line !== "");

const writeKey = (algorithm: string, key: KeyObject): string =>
  `${algorithm}.${key.export({ format: "der", type: "pkcs8" }).toString("base64url")}`;

function readKey(line: string): SigningKey {
  const der = Buffer.from(line.slice(6), "base64url");
  const jwk = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "jwk" });
  // RFC 7638: a name that follows from the public part.
  const { kty, crv, x, y, e, n } = jwk;
  const named = JSON.stringify(kty === "EC" ? { crv, kty, x, y } : { e, kty, n });
  const alg = kty === "EC" ? "ES256" : "RS256";
  return { ...jwk, kid: hash("sha256", named, "base64url"), alg, use: "sig" };
}
