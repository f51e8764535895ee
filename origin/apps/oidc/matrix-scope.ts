/** What a Matrix client asks for (specification §Scope): the client-server API, as one device. */
export interface MatrixScope {
  readonly deviceId: string;
  /** The scope tokens as they were asked for, stable or of before v1.15. */
  readonly tokens: readonly string[];
}

/** Scopes that together are none: the message goes to the client's developer. */
export class MatrixScopeError extends Error {
  override name = "MatrixScopeError";
}

const api = /^urn:matrix:(?:org\.matrix\.msc2967\.)?client:api:\*$/;
const device = /^urn:matrix:(?:org\.matrix\.msc2967\.)?client:device:(.*)$/;
/** Unreserved characters of RFC 3986, so that a scope can hold it (specification §Device ID allocation). */
const deviceIdForm = /^[\w.~-]{1,255}$/;

/** Undefined: no Matrix scope is among them. Throws MatrixScopeError where they are not one API and one device. */
export function readMatrixScope(scope: string | undefined): MatrixScope | undefined {
  const tokens = (scope ?? "").split(" ").filter((token) => token.startsWith("urn:matrix:"));
  if (tokens.length === 0) return undefined;
  const devices = new Set(tokens.map((token) => device.exec(token)?.[1]).filter((id) => id !== undefined));
  const [deviceId, ...others] = devices;
  if (!tokens.some((token) => api.test(token))) {
    throw new MatrixScopeError("the scope urn:matrix:client:api:* is missing");
  }
  if (deviceId === undefined || others.length > 0) {
    throw new MatrixScopeError("exactly one scope urn:matrix:client:device:ID is needed");
  }
  if (!deviceIdForm.test(deviceId)) {
    throw new MatrixScopeError("a device id has 1 to 255 of the characters A-Z a-z 0-9 - . _ ~");
  }
  if (tokens.some((token) => !api.test(token) && !device.test(token))) {
    throw new MatrixScopeError(
      "there are no other urn:matrix: scopes than client:api:* and client:device:ID",
    );
  }
  return { deviceId, tokens };
}

/** What a refreshed session's answer says, the names of before being of no further use. */
export const stableScope = (deviceId: string): string =>
  `urn:matrix:client:api:* urn:matrix:client:device:${deviceId}`;
