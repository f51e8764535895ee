/** The part of http_ece (no types of its own) that is used here. */
declare module "http_ece" {
  import type { ECDH } from "node:crypto";

  interface Parameters {
    readonly version: "aes128gcm";
    /** Ours, fresh for each message. */
    readonly privateKey: ECDH;
    /** Base64url: theirs. */
    readonly dh: string;
    readonly authSecret: string;
  }

  const ece: {
    encrypt(content: Buffer, parameters: Parameters): Buffer;
  };
  export default ece;
}
