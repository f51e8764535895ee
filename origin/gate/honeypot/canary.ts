import { createHmac, hkdfSync } from "node:crypto";
import { findCanaryCandidates } from "../../../shared/canary.ts";
import { EDGE_KEY_DERIVATION, parseEdgeKey } from "../../../shared/edge-key.ts";

/**
 * Whether a text holds a password of one of our decoys. The edge makes them under the key that both sides hold; those of
 * the key before are known as long as it is.
 *
 * @param keys Key lines.
 */
export function createCanaryCheck(keys: readonly string[]): (text: string) => boolean {
  const { bytes, canaryInfo } = EDGE_KEY_DERIVATION;
  const secrets = keys.flatMap((line) => {
    const secret = parseEdgeKey(line)?.secret;
    return secret === undefined ? [] : [Buffer.from(hkdfSync("sha256", secret, "", canaryInfo, bytes))];
  });
  return function hasCanary(text) {
    return findCanaryCandidates(text).some(({ random, mac }) =>
      secrets.some((secret) => {
        const right = createHmac("sha256", secret).update(random).digest();
        return right.subarray(0, mac.length).equals(mac);
      }),
    );
  };
}
