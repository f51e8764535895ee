import { randomBytes } from "node:crypto";
import type {
  AuthenticationResponseJSON,
  AuthenticatorTransport,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";

export type { PublicKeyCredentialCreationOptionsJSON, PublicKeyCredentialRequestOptionsJSON };

/** A passkey as the library takes and gives it. Ids are base64url. */
export interface Credential {
  readonly id: string;
  /** COSE. */
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: readonly string[];
}

interface Verified {
  readonly counter: number;
  /** It lives in an account of the member's (iCloud, Google, a password manager), not on one device alone. */
  readonly synced: boolean;
  readonly backedUp: boolean;
}

/** COSE: EdDSA, ES256, RS256. Among them every authenticator has one. */
const algorithms = [-8, -7, -257];
const transportNames = ["ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"];
const isTransport = (text: unknown): text is AuthenticatorTransport =>
  typeof text === "string" && transportNames.includes(text);
const ceremonyMs = 5 * 60 * 1000;

/** Loaded when the first passkey is seen: it costs 25 MB, and many households have none. */
const library = () => import("@simplewebauthn/server");

/** Of navigator.credentials.create: discoverable, so that it signs in without a name, and with PIN or finger. */
export async function creationOptions(request: {
  rpId: string;
  userHandle: Uint8Array;
  userName: string;
  known: readonly Credential[];
}): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await library();
  return generateRegistrationOptions({
    rpName: request.rpId,
    rpID: request.rpId,
    userID: new Uint8Array(request.userHandle),
    userName: request.userName,
    userDisplayName: request.userName,
    timeout: ceremonyMs,
    attestationType: "none",
    excludeCredentials: request.known.map(describe),
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    supportedAlgorithmIDs: algorithms,
  });
}

/**
 * Of navigator.credentials.get. Without credentials the member picks one of the passkeys that the device has. Anybody
 * may ask for them, so they do not load the library.
 */
export function requestOptions(
  rpId: string,
  allowed: readonly Credential[],
): PublicKeyCredentialRequestOptionsJSON {
  return {
    challenge: randomBytes(32).toString("base64url"),
    rpId,
    timeout: ceremonyMs,
    userVerification: "required",
    allowCredentials: allowed.map(describe),
  };
}

const describe = ({ id, transports }: Credential) => ({
  id,
  type: "public-key" as const,
  transports: transports.filter(isTransport),
});

interface Expected {
  readonly rpId: string;
  readonly origin: string;
  /** Takes the challenge that the answer bears; false: it was not given out, or not for this. */
  readonly challenge: (challenge: string) => boolean;
}

/** Undefined: the answer is not a good one, whatever is wrong with it. */
export async function verifyRegistration(
  answer: unknown,
  expected: Expected,
): Promise<(Verified & { readonly credential: Credential }) | undefined> {
  const [{ verifyRegistrationResponse }, { decodeAttestationObject, isoBase64URL }] = await Promise.all([
    library(),
    import("@simplewebauthn/server/helpers"),
  ]);
  try {
    const response = answer as RegistrationResponseJSON;
    // None was asked for. With a certificate the library would fetch the addresses that it names (row S2).
    const attestation = decodeAttestationObject(isoBase64URL.toBuffer(response.response.attestationObject));
    const format = attestation.get("fmt");
    const plain = format === "none" || (format === "packed" && !attestation.get("attStmt").get("x5c"));
    if (!plain) return undefined;
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedRPID: expected.rpId,
      expectedOrigin: expected.origin,
      expectedChallenge: expected.challenge,
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    });
    if (!verified) return undefined;
    const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
    return {
      counter,
      synced: registrationInfo.credentialDeviceType === "multiDevice",
      backedUp: registrationInfo.credentialBackedUp,
      credential: { id, publicKey, counter, transports: transports.filter(isTransport) },
    };
  } catch {
    return undefined;
  }
}

/** Undefined: the answer is not a good one, or its counter says that the passkey was copied (WebAuthn §7.2 step 22). */
export async function verifyAuthentication(
  answer: unknown,
  credential: Credential,
  expected: Expected,
): Promise<Verified | undefined> {
  const { verifyAuthenticationResponse } = await library();
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: answer as AuthenticationResponseJSON,
      expectedRPID: expected.rpId,
      expectedOrigin: expected.origin,
      expectedChallenge: expected.challenge,
      requireUserVerification: true,
      credential: {
        id: credential.id,
        publicKey: new Uint8Array(credential.publicKey),
        counter: credential.counter,
      },
    });
    if (!verified) return undefined;
    return {
      counter: authenticationInfo.newCounter,
      synced: authenticationInfo.credentialDeviceType === "multiDevice",
      backedUp: authenticationInfo.credentialBackedUp,
    };
  } catch {
    return undefined;
  }
}
