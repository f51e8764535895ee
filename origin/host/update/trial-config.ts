import type { Config } from "../../config/config.ts";

/**
 * A trial of a new version must not be heard of: the alerts and the mail that wait in its copy of the data are the real
 * one's to send, and so is what waits for a local mail server. What it fetched would be gone from the bucket, and then with
 * the copy.
 */
export function forTrial(config: Config): Config {
  return Object.freeze({
    ...config,
    alerts: Object.freeze({ ...config.alerts, ntfyUrl: "", webhookUrl: "" }),
    mail: config.mail && Object.freeze({ ...config.mail, bucketUrl: "", relay: undefined, lmtp: undefined }),
  });
}
