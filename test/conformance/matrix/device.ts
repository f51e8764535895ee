import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import { signedText } from "../../../origin/apps/matrix/e2ee/signed-json.ts";
import type { JsonObject } from "../../../origin/apps/matrix/events/event.ts";
import type { User } from "../../apps/matrix/fixture.ts";

interface Signer {
  readonly name: string;
  readonly publicKey: string;
  readonly secret: KeyObject;
}

/** All that a device and its owner publish, well-formed and truly signed. */
export function createDevice(user: User) {
  const { userId, deviceId } = user;
  const device = createSigner(deviceId);
  const [master, selfSigning, userSigning] = [createSigner(), createSigner(), createSigner()];

  function signed(object: JsonObject, by: Signer): JsonObject {
    const signature = sign(null, Buffer.from(signedText(object)), by.secret).toString("base64");
    return { ...object, signatures: { [userId]: { [`ed25519:${by.name}`]: signature.replace(/=+$/, "") } } };
  }
  const crossSigningKey = (usage: string, { name }: Signer): JsonObject => ({
    user_id: userId,
    usage: [usage],
    keys: { [`ed25519:${name}`]: name },
  });

  const unsigned: JsonObject = {
    user_id: userId,
    device_id: deviceId,
    algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
    keys: { [`ed25519:${deviceId}`]: device.publicKey, [`curve25519:${deviceId}`]: "Y3VydmU" },
  };
  return {
    deviceKeys: signed(unsigned, device),
    oneTimeKeys: { "signed_curve25519:AAAAAQ": signed({ key: "b25l" }, device) },
    fallbackKeys: { "signed_curve25519:AAAAAF": signed({ key: "ZmFsbGJhY2s", fallback: true }, device) },
    crossSigning: {
      master_key: crossSigningKey("master", master),
      self_signing_key: signed(crossSigningKey("self_signing", selfSigning), master),
      user_signing_key: signed(crossSigningKey("user_signing", userSigning), master),
    },
    /** The device's keys as its owner's self-signing key vouches for them. */
    signedDevice: signed(unsigned, selfSigning),
  };
}

/** Without a name of its own it is called by its public key, as cross-signing keys are. */
function createSigner(name?: string): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = Buffer.from(String(publicKey.export({ format: "jwk" }).x), "base64url").toString("base64");
  const text = key.replace(/=+$/, "");
  return { name: name ?? text, publicKey: text, secret: privateKey };
}
