/** S2: every request that the daemon sends out is in one table, and nothing leaves beside it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { outboundPurposes, type PurposeRow } from "../../../origin/host/outbound/purposes.ts";
import { projectRoot } from "../../support/run-burrow.ts";

/** Files that touch the network themselves, each with its reason. */
const ALLOWED: Record<string, string> = {
  "origin/host/outbound/connector.ts": "makes the connections of the table",
  "origin/host/outbound/outbound.ts": "holds the table's connections",
  "origin/apps/mail/sending/relay.ts": "speaks SMTP on a connection that the table has opened",
  "origin/apps/mail/sending/check-dns.ts": "asks the resolver for the mail domain's own records",
  "origin/http/listener.ts": "the listener",
  "origin/http/bind.ts": "the listener; looks whether its own socket is still answered",
  "origin/http/dispatch.ts": "calls an app's routes in the same process",
  "origin/host/listener-audit.ts": "tries to bind on this machine's addresses",
  "origin/host/supervisor/control.ts": "a socket in the data folder, between the command line and the daemon",
  "origin/host/supervisor/health-probe.ts":
    "asks a service of this machine at the loopback address that it has",
  "origin/host/ask-daemon.ts": "asks the own daemon, where it says that it listens, from the command line",
  "origin/apps/proxy/check-app.ts":
    "looks whether an app's upstream, which is on loopback or a socket, answers",
  "origin/gate/proxy/upstream.ts": "carries requests to an app's upstream, which is on loopback or a socket",
  "origin/apps/mail/delivery/dns-lookup.ts":
    "asks the machine's name servers for the keys and policies of senders' domains (DKIM, DMARC); nothing is connected to by what they answer",
  "origin/apps/mail/delivery/lmtp.ts":
    "hands mail to a server of this machine, on loopback or a socket, where mail.lmtp names one",
  "origin/cli/dev-port.ts": "looks for a free port on loopback",
  "origin/cli/edge/cloudflare-api.ts":
    "asks Cloudflare's API, from the command line, on any machine of the owner's",
  "origin/cli/doctor/service.ts": "asks the public URL as a client would, from the command line",
};

const NETWORK_MODULES =
  /^(?:node:)?(?:net|tls|http|https|http2|dns|dns\/promises|dgram|inspector)$|^(?:undici|ws|axios|got|node-fetch)$|^nodemailer(?!\/lib\/(?:addressparser|mime-node|dkim)$)/;
/** What of a network module sends nothing. */
const HARMLESS = new Set(["isIP", "isIPv4", "isIPv6", "STATUS_CODES", "ServerResponse"]);

/** Why a source would go out by itself, or nothing. */
function findings(source: string): string[] {
  const code = withoutComments(source);
  const found: string[] = [];
  for (const [, names = "", module = ""] of code.matchAll(
    /^import\s+(?:([^"';]*?)\s*from\s*)?["']([^"']+)["']/gm,
  )) {
    if (!NETWORK_MODULES.test(module) || names.startsWith("type ")) continue;
    const listed = /^\{([^}]*)\}$/.exec(names)?.[1]?.split(",") ?? [names || "all of it"];
    for (const name of listed.map((text) => text.trim()))
      if (name !== "" && !name.startsWith("type ") && !HARMLESS.has(name)) found.push(`${module}: ${name}`);
  }
  for (const [call, module = ""] of code.matchAll(/\b(?:import|require)\(\s*["']([^"']+)["']/g))
    if (NETWORK_MODULES.test(module)) found.push(call);
  // A call or a passing on; a method's signature (`fetch(url: string)`, `fetch:`) is neither.
  for (const [call, receiver = ""] of code.matchAll(
    /(?:([\w\])]+)\??\.)?\bfetch\b(?!\??:)(?!\(\s*\w+\??:)(?=\s*(?:[(,;)}]|$))/gm,
  ))
    if (receiver !== "outbound") found.push(call);
  for (const [word] of code.matchAll(/\bnew (?:WebSocket|EventSource|XMLHttpRequest)\b|\bsendBeacon\b/g))
    found.push(word);
  return found;
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

const sources = readdirSync(join(projectRoot, "origin"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => join(entry.parentPath, entry.name).slice(projectRoot.length).replace(/^\//, ""));
const read = (file: string) => readFileSync(join(projectRoot, file), "utf8");

test("no file of the origin goes out by itself", () => {
  const astray = sources
    .filter((file) => !(file in ALLOWED))
    .map((file) => [file, findings(read(file))] as const)
    .filter(([, found]) => found.length > 0);
  assert.deepEqual(astray, []);
});

test("every exception is there and is one", () => {
  assert.deepEqual(
    Object.keys(ALLOWED).filter((file) => !sources.includes(file) || findings(read(file)).length === 0),
    [],
  );
});

test("the search sees what it should", () => {
  for (const source of [
    'import { connect } from "node:net";',
    'import { isIP, createConnection } from "node:net";',
    'import {\n  type Socket,\n  request,\n} from "node:https";',
    'import tls from "tls";',
    'import * as dns from "node:dns/promises";',
    'import "undici";',
    'import { createTransport } from "nodemailer";',
    'import SmtpConnection from "nodemailer/lib/smtp-connection";',
    'const { request } = await import("node:http");',
    "await fetch(url);",
    "await globalThis.fetch(url);",
    "await new AwsClient({}).fetch(url);",
    "await aws.fetch(url);",
    "const ask = fetch;",
    "createClient({ url, fetch })",
    "use(url, fetch)",
    "new WebSocket(url)",
  ])
    assert.notDeepEqual(findings(source), [], source);
  for (const source of [
    'import { isIP, type Socket } from "node:net";',
    'import type { IncomingMessage } from "node:http";',
    'import { Hono } from "hono";',
    'await outbound.fetch("alert", url);',
    "// await fetch(url);",
    "interface Outbound {\n  fetch: (url: string) => void;\n}",
    'interface Outbound {\n  fetch(\n    purpose: "alert",\n    url: string,\n  ): void;\n}',
    "prefetch(url)",
  ])
    assert.deepEqual(findings(source), [], source);
});

test("every purpose of the table is used, by those that it names, or waits for a part that is named", () => {
  for (const [purpose, row] of Object.entries(outboundPurposes) as [string, PurposeRow][]) {
    const users = sources.filter(
      (file) =>
        file !== "origin/host/outbound/purposes.ts" &&
        new RegExp(`(?:fetch|connect|vetListed)\\(\\s*"${purpose}"`).test(withoutComments(read(file))),
    );
    assert.deepEqual(users, "awaited" in row.users ? [] : [...row.users].toSorted(), purpose);
  }
});
