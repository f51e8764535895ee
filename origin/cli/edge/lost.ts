import { randomBytes } from "node:crypto";
import { EDGE_KEY_BYTES, formatEdgeKey } from "../../../shared/edge-key.ts";
import { answer, type Command, CommandError, type Invocation, textOption } from "../command.ts";
import { readSecretInput } from "../read-password.ts";
import { createCloudflareApi, type Step } from "./cloudflare-api.ts";
import { putSecret, workerName } from "./wrangler.ts";

const api = "https://api.cloudflare.com/client/v4";

export const edgeLost: Command = {
  name: "edge lost",
  usage: "--yes [--worker NAME] [--account ID] [--tunnel ID] [--keys ID,ID] [--token-stdin]",
  summary:
    "The device is lost: shuts the edge to it and takes its keys back. From any machine with your login.",
  options: {
    yes: { type: "boolean" },
    worker: { type: "string" },
    account: { type: "string" },
    tunnel: { type: "string" },
    keys: { type: "string" },
    "token-stdin": { type: "boolean" },
  },
  words: 0,
  async run(invocation) {
    const worker = workerName(invocation);
    if (invocation.options["yes"] !== true)
      throw new CommandError(
        `This shuts everybody out of the Worker ${worker}, and only Cloudflare's side opens it again. If that is meant, run it with --yes.`,
      );
    const token =
      invocation.options["token-stdin"] === true
        ? await readSecretInput(invocation.input, "API token")
        : undefined;
    const steps = [...(await shut(invocation, worker)), ...(await takeBack(invocation, token))];
    const left = [...steps.filter(({ done }) => !done).map(describe), ...unreached];
    answer(invocation, { worker, steps, left }, [
      ...steps.filter(({ done }) => done).map(({ what }) => `Done: ${what}.`),
      "",
      "Not done, and for you to do:",
      ...left.map((line) => `  - ${line}`),
    ]);
    // The first two are what shuts the thief out.
    return steps.slice(0, 2).every(({ done }) => done) ? 0 : 1;
  },
};

/** What no command reaches. */
const unreached = [
  "The device itself: wipe it from afar (Find My Device), and tell the police its serial number.",
  "What is stored on it is protected by its screen lock and encryption only.",
  "Sessions of members stay on the device until a backup is restored elsewhere, which ends them all.",
  "The mail relay, where there is one: change its password there, since whoever has the device can send in your name; and take the DNS record of mail.dkim_selector away, if you have one.",
  "Other accounts that the device was signed in to: change their passwords.",
  "docs/recovery.md tells how the server runs again on another device.",
];

function describe({ what, detail }: Step): string {
  return `${what}${detail === undefined ? "" : ` (${detail})`}`;
}

/** Even where the second fails the first one shuts the edge, and the other way round. */
async function shut(invocation: Invocation, worker: string): Promise<Step[]> {
  // Nobody is told this key: neither of those that the device has is good any more.
  const stranger = formatEdgeKey({ keyid: "lost", secret: new Uint8Array(randomBytes(EDGE_KEY_BYTES)) });
  return [
    await attempt(`forward nothing any more (PANIC of ${worker})`, () =>
      putSecret(invocation, worker, { name: "PANIC", value: "lost" }),
    ),
    await attempt(`refuse both keys of the device (EDGE_KEY of ${worker})`, () =>
      putSecret(invocation, worker, { name: "EDGE_KEY", value: stranger }),
    ),
  ];
}

async function takeBack(invocation: Invocation, token: string | undefined): Promise<Step[]> {
  const account = textOption(invocation, "account");
  const tunnel = textOption(invocation, "tunnel");
  const keys = (textOption(invocation, "keys") ?? "").split(",").filter((id) => id !== "");
  if (token === undefined || account === undefined) {
    const detail =
      "give --account and, by --token-stdin, an API token with Cloudflare Tunnel: Edit and API Tokens: Edit; or do it in the dashboard";
    return [
      { what: "end the tunnel", done: false, detail },
      { what: "revoke the keys of the backup and mail buckets", done: false, detail },
    ];
  }
  const cloudflare = createCloudflareApi(token, invocation.environment["CLOUDFLARE_API_BASE_URL"] ?? api);
  return [
    tunnel === undefined
      ? { what: "end the tunnel", done: false, detail: "give --tunnel, its id" }
      : await cloudflare.endTunnel(account, tunnel),
    ...(keys.length === 0
      ? [{ what: "revoke the keys of the buckets", done: false, detail: "give --keys, their ids" }]
      : await Promise.all(keys.map((id) => cloudflare.revokeKey(account, id)))),
  ];
}

async function attempt(what: string, work: () => Promise<void>): Promise<Step> {
  try {
    await work();
    return { what, done: true };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { what, done: false, detail: error.message };
  }
}
