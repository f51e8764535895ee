/** An authenticator in software, as exact or as wrong as a test wants it. What a browser would send, without one. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isoCBOR } from "@simplewebauthn/server/helpers";

interface Circumstances {
  readonly origin: string;
  readonly rpId: string;
  /** PIN or finger. */
  readonly userVerified?: boolean;
  readonly counter?: number;
  /** What the browser would say instead of the true type. */
  readonly type?: string;
  readonly challenge?: string;
}

export interface SoftwarePasskey {
  readonly id: string;
  readonly userHandle: string;
  readonly privateKey: KeyObject;
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const sha256 = (data: string | Uint8Array): Buffer => createHash("sha256").update(data).digest();

function clientData(type: string, challenge: string, { origin, ...wrong }: Circumstances): Buffer {
  const said = {
    type: wrong.type ?? type,
    challenge: wrong.challenge ?? challenge,
    origin,
    crossOrigin: false,
  };
  return Buffer.from(JSON.stringify(said));
}

/** WebAuthn §6.1; flags: present, verified, may be backed up, is backed up, attested data. */
function authenticatorData({ rpId, userVerified = true, counter = 0 }: Circumstances, attested?: Uint8Array) {
  const flags = 0x01 | (userVerified ? 0x04 : 0) | 0x08 | 0x10 | (attested ? 0x40 : 0);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(counter);
  return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, attested ?? Buffer.alloc(0)]);
}

/** Answers creation options: the passkey, and what the browser would post. */
export function createPasskey(
  options: { challenge: string; user: { id: string } },
  circumstances: Circumstances,
  attestation: { format: string; statement: Map<string, unknown> } = { format: "none", statement: new Map() },
): { passkey: SoftwarePasskey; answer: object } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const id = randomBytes(32);
  const cose = isoCBOR.encode(
    new Map<number, number | Uint8Array>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x, "base64url"))],
      [-3, new Uint8Array(Buffer.from(y, "base64url"))],
    ]),
  );
  const length = Buffer.from([0, id.length]);
  const attested = Buffer.concat([Buffer.alloc(16), length, id, cose]);
  const object = new Map<string, unknown>([
    ["fmt", attestation.format],
    ["attStmt", attestation.statement],
    ["authData", new Uint8Array(authenticatorData(circumstances, attested))],
  ]);
  const encoded = isoCBOR.encode(object as Parameters<typeof isoCBOR.encode>[0]);
  return {
    passkey: { id: base64url(id), userHandle: options.user.id, privateKey },
    answer: {
      id: base64url(id),
      rawId: base64url(id),
      type: "public-key",
      clientExtensionResults: {},
      response: {
        clientDataJSON: base64url(clientData("webauthn.create", options.challenge, circumstances)),
        attestationObject: base64url(encoded),
        transports: ["internal", "hybrid", "made-up"],
      },
    },
  };
}

/** Answers request options. */
export function signWithPasskey(
  passkey: SoftwarePasskey,
  options: { challenge: string },
  circumstances: Circumstances,
): { id: string; response: Record<string, unknown> } & Record<string, unknown> {
  const client = clientData("webauthn.get", options.challenge, circumstances);
  const data = authenticatorData(circumstances);
  const signature = sign("sha256", Buffer.concat([data, sha256(client)]), passkey.privateKey);
  return {
    id: passkey.id,
    rawId: passkey.id,
    type: "public-key",
    clientExtensionResults: {},
    response: {
      clientDataJSON: base64url(client),
      authenticatorData: base64url(data),
      signature: base64url(signature),
      userHandle: passkey.userHandle,
    },
  };
}
