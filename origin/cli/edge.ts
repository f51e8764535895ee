import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parse, stringify } from "smol-toml";
import { formatHostTable } from "../../shared/hosts.ts";
import type { Config } from "../config/config.ts";
import { trustedHeaders } from "../config/proxied-app.ts";
import { configFile } from "../config/read-config.ts";
import { secretFile } from "../config/secrets.ts";
import { gateVariables } from "../config/gate-variables.ts";
import { answer, type Command, CommandError } from "./command.ts";
import { openConfig } from "./open-members.ts";

const fileName = "wrangler.deploy.toml";

export const edgeConfig: Command = {
  name: "edge config",
  usage: "",
  summary: "Writes wrangler.deploy.toml: wrangler.toml with the hosts and ids of this deployment.",
  words: 0,
  async run(invocation) {
    const config = openConfig(invocation);
    const path = join(invocation.root, fileName);
    const general = readFileSync(join(invocation.root, "wrangler.toml"), "utf8");
    const text = `# Written by "burrow edge config" from wrangler.toml and burrow.toml. Not for git: it names one deployment.\n\n${deploymentOf(general, config)}`;
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    const key = secretFile(config.dataDir, "edge-key");
    const put = (name: string) => `npx wrangler secret put ${name} --config ${fileName}`;
    const next = [
      "npm run deploy",
      `head -n 1 "${key}" | ${put("EDGE_KEY")}`,
      ...(config.edge.tunnelHost === "" ? [] : [put("ORIGIN_CLIENT_ID"), put("ORIGIN_CLIENT_SECRET")]),
    ];
    answer(invocation, { path, hosts: [...config.hosts.keys()], next }, [
      `Wrote ${relative(process.cwd(), path) || fileName} for ${[...config.hosts.keys()].join(", ")}.`,
      "Next:",
      ...next.map((line) => `  ${line}`),
    ]);
    return 0;
  },
};

/** wrangler.toml with what belongs to one deployment. Throws CommandError naming every value that is missing. */
export function deploymentOf(general: string, config: Config): string {
  const { vpcService, tunnelHost, accountId, alertMailTo } = config.edge;
  const missing: string[] = [];
  if (config.mode !== "production") missing.push(`a production data folder ("mode" is "${config.mode}")`);
  if ((vpcService === "") === (tunnelHost === ""))
    missing.push(
      "one way to the origin: edge.tunnel_host, the tunnel's hostname behind Access, or edge.vpc_service, the id of a Workers VPC service (one, not both)",
    );
  if (vpcService !== "" && config.listen.kind !== "tcp")
    missing.push('listen as a loopback address, such as "127.0.0.1:8090": Workers VPC cannot reach a socket');
  if (config.hosts.has(tunnelHost))
    missing.push("an edge.tunnel_host of its own: the Worker answers the one that is set");
  if (missing.length > 0) {
    throw new CommandError(`${configFile(config.dataDir)} lacks ${missing.join("; and ")}.`);
  }
  const hosts = [...config.hosts.keys()];
  const worker = parse(general);
  return stringify({
    ...worker,
    name: config.edge.worker,
    workers_dev: false,
    preview_urls: false,
    routes: hosts.map((host) => ({ pattern: host, custom_domain: true })),
    vars: {
      ...(worker["vars"] as Record<string, string> | undefined),
      HOSTS: formatHostTable(config.hosts),
      HSTS_STAGE: config.edge.hstsStage,
      ...(config.apps.length > 0 && { TRUSTED_HEADERS: trustedHeaders(config.apps).join(" ") }),
      ...(tunnelHost !== "" && { ORIGIN_HOST: tunnelHost }),
      ...gateVariables(config),
      ...(accountId !== "" && { ACCOUNT_ID: accountId }),
      ...(alertMailTo !== "" && {
        ALERT_MAIL_FROM: `burrow@${config.serverName}`,
        ALERT_MAIL_TO: alertMailTo,
      }),
    },
    ...(alertMailTo !== "" && { send_email: [{ name: "ALERT_MAIL", destination_address: alertMailTo }] }),
    ...(vpcService !== "" && { vpc_services: [{ binding: "ORIGIN", service_id: vpcService }] }),
  });
}
