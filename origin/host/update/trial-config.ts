import type { Config } from "../../config/config.ts";

/** A trial of a new version must not be heard of: the alerts waiting in its copy of the data are the real one's. */
export function forTrial(config: Config): Config {
  return Object.freeze({
    ...config,
    alerts: Object.freeze({ ...config.alerts, ntfyUrl: "", webhookUrl: "" }),
  });
}
