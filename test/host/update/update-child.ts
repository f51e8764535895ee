/** An update that is killed: `update-child.ts INSTALLATION VERSION DATA ARCHIVE STEP`. */
import { join } from "node:path";

import { readConfig } from "../../../origin/config/read-config.ts";
import { updateTo, withUpdateLock } from "../../../origin/host/update/update.ts";
import { linkPackages } from "./installations.ts";

const [installation = "", version = "", dataDir = "", archive = "", last = ""] = process.argv.slice(2);
await withUpdateLock(installation, () =>
  updateTo(archive, {
    installation,
    running: { root: installation, version },
    config: readConfig({ dataDir, environment: {} }),
    restart: async ({ pid }) => void process.kill(pid, "SIGTERM"),
    patience: { startMs: 20_000, steadyMs: 100 },
    installDependencies: linkPackages,
    onStep: (step) => {
      if (step === last) process.kill(process.pid, "SIGKILL");
    },
  }),
);
console.log(`not killed at ${last}: ${join(installation, "current")}`);
