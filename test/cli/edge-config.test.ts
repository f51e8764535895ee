import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "smol-toml";

import { deploymentOf } from "../../origin/cli/edge.ts";
import { readConfig } from "../../origin/config/read-config.ts";
import { parseHostTable } from "../../shared/hosts.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const general = readFileSync(join(projectRoot, "wrangler.toml"), "utf8");

test("the deployment is the general configuration with its own hosts and ids", (t) => {
  const config = readConfig({
    dataDir: temporaryFolder(t),
    environment: {
      BURROW_SERVER_NAME: "example.org",
      BURROW_LISTEN: "127.0.0.1:8090",
      BURROW_EDGE_VPC_SERVICE: "0198c0de-0000-7000-8000-000000000000",
      BURROW_EDGE_WORKER: "front-door",
    },
  });
  const before = plain(parse(general));
  const made = plain(parse(deploymentOf(general, config)));
  assert.equal(made["name"], "front-door");
  assert.deepEqual(
    made["routes"],
    ["example.org", "id.example.org"].map((pattern) => ({ pattern, custom_domain: true })),
  );
  assert.equal(made["workers_dev"], false);
  assert.deepEqual(
    [...parseHostTable((made["vars"] as { HOSTS: string }).HOSTS)],
    [
      ["example.org", "apex"],
      ["id.example.org", "id"],
    ],
  );
  assert.deepEqual(made["vpc_services"], [
    { binding: "ORIGIN", service_id: "0198c0de-0000-7000-8000-000000000000" },
  ]);
  for (const kept of [
    "main",
    "compatibility_date",
    "r2_buckets",
    "durable_objects",
    "migrations",
    "triggers",
  ]) {
    assert.deepEqual(made[kept], before[kept], kept);
  }
});

/** Without the parser's own prototypes. */
function plain(value: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}

test("by a tunnel's hostname the origin keeps its socket, and the Worker learns the host", (t) => {
  const environment = { BURROW_SERVER_NAME: "example.org", BURROW_EDGE_TUNNEL_HOST: "way-in.example.org" };
  const made = plain(parse(deploymentOf(general, readConfig({ dataDir: temporaryFolder(t), environment }))));
  assert.equal((made["vars"] as Record<string, string>)["ORIGIN_HOST"], "way-in.example.org");
  assert.equal(made["vpc_services"], undefined);
  assert.deepEqual(
    made["routes"],
    ["example.org", "id.example.org"].map((pattern) => ({ pattern, custom_domain: true })),
  );
});

test("the hosts of other people's apps are routed, and the headers that they trust are the edge's to drop", (t) => {
  const dataDir = temporaryFolder(t);
  writeFileSync(
    join(dataDir, "burrow.toml"),
    `server_name = "example.org"
[edge]
tunnel_host = "way-in.example.org"
[[app]]
name = "notes"
upstream = "http://127.0.0.1:8100"
headers = { user = "X-Webauth-User", groups = "", name = "", email = "" }
`,
  );
  const made = plain(parse(deploymentOf(general, readConfig({ dataDir, environment: {} }))));
  const vars = made["vars"] as Record<string, string>;
  assert.equal(parseHostTable(vars["HOSTS"] ?? "").get("notes.example.org"), "app-notes");
  assert.equal(vars["TRUSTED_HEADERS"], "x-webauth-user");
});

test("two ways to the origin, or the Worker's own host as one, are refused", (t) => {
  const refused = (more: Record<string, string>, reason: RegExp): void => {
    const environment = { BURROW_SERVER_NAME: "example.org", BURROW_LISTEN: "127.0.0.1:8090", ...more };
    const config = readConfig({ dataDir: temporaryFolder(t), environment });
    assert.throws(() => deploymentOf(general, config), reason);
  };
  refused({ BURROW_EDGE_TUNNEL_HOST: "way-in.example.org", BURROW_EDGE_VPC_SERVICE: "id" }, /not both/);
  refused({ BURROW_EDGE_TUNNEL_HOST: "example.org" }, /tunnel_host of its own/);
});

test("every missing value is named", (t) => {
  const config = readConfig({
    dataDir: temporaryFolder(t),
    environment: { BURROW_SERVER_NAME: "example.org" },
  });
  assert.throws(
    () => deploymentOf(general, config),
    /lacks one way to the origin: edge\.tunnel_host.*edge\.vpc_service/,
  );
});
