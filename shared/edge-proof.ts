/** Half the time in seconds within which a signature is good: `created` may be this far from the origin's clock. */
export const PROOF_WINDOW_SECONDS = 60;

/** Bytes of randomness in a nonce. */
export const NONCE_BYTES = 16;

/**
 * Header field that carries the visitor's Access identity; covered by the signature whenever it is there. Not Access's
 * own name: where the way to the origin is itself behind Access, Access writes the Worker's token there.
 */
export const ACCESS_JWT_HEADER = "burrow-access-jwt";
export const CLIENT_HEADER = "burrow-client";

const LABEL = "burrow";
const TAG = "burrow-edge";
const COVERED = `("@method" "@path" "@query" "${CLIENT_HEADER}")`;
const COVERED_WITH_ACCESS = `("@method" "@path" "@query" "${CLIENT_HEADER}" "${ACCESS_JWT_HEADER}")`;

/** One covered component: its identifier without quotes, and its value. */
export type Component = readonly [name: string, value: string];

/** What of a request is signed. `path` and `query` are as on the wire; `query` without its `?`. */
export interface SignedRequest {
  method: string;
  path: string;
  query: string;
  client: string;
  accessJwt?: string;
}

/** What a signature says of itself. */
export interface ProofParameters {
  /** Unix seconds, in the origin's clock. */
  created: number;
  keyid: string;
  nonce: string;
}

/** A well-formed proof, not yet verified. */
export interface Proof extends ProofParameters {
  coversAccess: boolean;
  /** The signature parameters as received: the last line of the base repeats them. */
  parameters: string;
  /** Base64 of the 32 bytes. */
  mac: string;
}

/**
 * The signature base of RFC 9421 §2.5: one line a component, then the parameters.
 *
 * @example signatureBase([["@method", "GET"]], '("@method");created=1618884473;keyid="k"')
 */
export function signatureBase(components: readonly Component[], parameters: string): string {
  const lines = components.map(([name, value]) => `"${name}": ${value}\n`);
  return `${lines.join("")}"@signature-params": ${parameters}`;
}

/** Signature parameters in the one order that this project emits. No `alg`: the keyid fixes it (RFC 9421 §3.2). */
export function proofParameters(proof: ProofParameters, coversAccess: boolean): string {
  const covered = coversAccess ? COVERED_WITH_ACCESS : COVERED;
  return `${covered};created=${proof.created};keyid="${proof.keyid}";nonce="${proof.nonce}";tag="${TAG}"`;
}

/** The base that the edge signs and the origin verifies. */
export function proofBase(request: SignedRequest, parameters: string): string {
  const components: Component[] = [
    ["@method", request.method],
    ["@path", request.path],
    // RFC 9421 §2.2.7: an absent query has the value "?", as an empty one has.
    ["@query", `?${request.query}`],
    [CLIENT_HEADER, request.client],
  ];
  if (request.accessJwt !== undefined) components.push([ACCESS_JWT_HEADER, request.accessJwt]);
  return signatureBase(components, parameters);
}

/** The `Signature-Input` and `Signature` fields of a proof; `mac` is base64. */
export function formatProof(parameters: string, mac: string): { signatureInput: string; signature: string } {
  return { signatureInput: `${LABEL}=${parameters}`, signature: `${LABEL}=:${mac}:` };
}

const SIGNATURE_INPUT = new RegExp(
  `^${LABEL}=(\\("@method" "@path" "@query" "${CLIENT_HEADER}"( "${ACCESS_JWT_HEADER}")?\\)` +
    `;created=([1-9][0-9]{0,11});keyid="([a-z0-9][a-z0-9-]{0,31})";nonce="([A-Za-z0-9_-]{22})";tag="${TAG}")$`,
);
const SIGNATURE = new RegExp(`^${LABEL}=:([A-Za-z0-9+/]{43}=):$`);

/**
 * Reads a proof in exactly the form that the edge writes. Any other form that RFC 9421 allows (other order, spaces,
 * several signatures, an `alg`) is refused with undefined: nobody but the edge signs.
 */
export function parseProof(signatureInput: string, signature: string): Proof | undefined {
  const input = SIGNATURE_INPUT.exec(signatureInput);
  const value = SIGNATURE.exec(signature);
  if (input === null || value === null) return undefined;
  const [, parameters = "", access, created, keyid = "", nonce = ""] = input;
  return {
    parameters,
    coversAccess: access !== undefined,
    created: Number(created),
    keyid,
    nonce,
    mac: value[1] ?? "",
  };
}

/** Whether `created` lies within the window around `now`, both in unix seconds. */
export function isWithinWindow(created: number, now: number): boolean {
  return Math.abs(now - created) <= PROOF_WINDOW_SECONDS;
}
