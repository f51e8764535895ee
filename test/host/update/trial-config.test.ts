import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../../origin/config/read-config.ts";
import { forTrial } from "../../../origin/host/update/trial-config.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("a trial on a copy of the data alerts nobody and sends no mail a second time", (t) => {
  const config = readConfig({
    dataDir: temporaryFolder(t),
    environment: {
      BURROW_SERVER_NAME: "example.org",
      BURROW_ALERTS_NTFY_URL: "https://ntfy.example.org/topic",
      BURROW_MAIL_ENABLED: "true",
      BURROW_MAIL_RELAY_HOST: "relay.example.net",
      BURROW_MAIL_LMTP: "127.0.0.1:24",
    },
  });
  assert.equal(config.mail?.relay?.host, "relay.example.net");
  const { alerts, mail } = forTrial(config);
  assert.deepEqual([alerts.ntfyUrl, mail?.domain], ["", "example.org"]);
  assert.deepEqual([mail?.bucketUrl, mail?.relay, mail?.lmtp], ["", undefined, undefined]);
});
