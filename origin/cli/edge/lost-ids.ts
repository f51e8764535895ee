import type { Config } from "../../config/config.ts";
import { readSecret, SecretError } from "../../config/secrets.ts";

/** What `edge lost` needs to know of a deployment, when the device that knows it is gone. None of it is secret. */
export interface LostIds {
  readonly worker: string;
  readonly account: string;
  readonly tunnel: string;
  /** Ids of the keys by which the device reaches buckets. */
  readonly bucketKeys: readonly string[];
}

export function findLostIds(config: Config): LostIds {
  const { account, tunnel } = readTunnelToken(config.dataDir);
  const bucketKeys = [config.backup.s3KeyId, config.mail?.bucketKeyId ?? ""].filter((id) => id !== "");
  const { worker, accountId } = config.edge;
  return {
    worker,
    account: accountId === "" ? account : accountId,
    tunnel,
    bucketKeys: [...new Set(bucketKeys)],
  };
}

/** The command line that ends it all, to be printed beside the kill code. */
export function lostCommand({ worker, account, tunnel, bucketKeys }: LostIds): string {
  return [
    "bin/burrow edge lost",
    `--worker ${worker}`,
    ...(account === "" ? [] : [`--account ${account}`]),
    ...(tunnel === "" ? [] : [`--tunnel ${tunnel}`]),
    ...(bucketKeys.length === 0 ? [] : [`--keys ${bucketKeys.join(",")}`]),
  ].join(" ");
}

/** cloudflared's token is base64 of JSON: account tag, tunnel id and secret. */
function readTunnelToken(dataDir: string): { account: string; tunnel: string } {
  try {
    const told = JSON.parse(Buffer.from(readSecret(dataDir, "tunnel-token"), "base64").toString()) as {
      a?: unknown;
      t?: unknown;
    };
    const id = (value: unknown): string =>
      typeof value === "string" && /^[0-9a-f-]{1,64}$/.test(value) ? value : "";
    return { account: id(told.a), tunnel: id(told.t) };
  } catch (error) {
    if (error instanceof SecretError || error instanceof SyntaxError) return { account: "", tunnel: "" };
    throw error;
  }
}
