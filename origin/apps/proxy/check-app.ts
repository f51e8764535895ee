import { lstatSync } from "node:fs";
import { connect } from "node:net";
import type { Check } from "../../app.ts";
import type { ProxiedApp } from "../../config/proxied-app.ts";
import { isOpenToOthers } from "../../gate/proxy/upstream.ts";
import { readAppSecret } from "./app-secret.ts";

const patienceMs = 2_000;

/** Rows of doctor: whether the app is there, who can claim an identity to it, and what is open to everybody. */
export async function checkApp(app: ProxiedApp): Promise<Check[]> {
  return [await checkUpstream(app), checkTrust(app), checkDoors(app)];
}

async function checkUpstream({ upstream, host }: ProxiedApp): Promise<Check> {
  const where = upstream.kind === "tcp" ? `${upstream.host}:${upstream.port}` : upstream.path;
  const problem = await dial(upstream.kind === "tcp" ? upstream : { path: upstream.path });
  if (problem === undefined)
    return { name: "upstream", status: "ok", detail: `It answers at ${where}, and is shown at ${host}.` };
  return {
    name: "upstream",
    status: "failed",
    detail: `Nothing can be reached at ${where}: ${problem}.`,
    why: `Whoever opens ${host} gets an error page.`,
    mend: "Start the app, or mend its upstream in burrow.toml.",
  };
}

function dial(where: { host: string; port: number } | { path: string }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(where);
    const end = (problem?: string): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(patienceMs, () => end("no connection is taken"));
    socket.once("connect", () => end());
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** G9: whoever else reaches the app can send it the same headers. */
function checkTrust(app: ProxiedApp): Check {
  const { identity, upstream, secret } = app;
  if (!identity) return { name: "identity", status: "ok", detail: "It is told nothing of who asks." };
  if (secret) {
    try {
      readAppSecret(app);
    } catch (error) {
      return {
        name: "identity",
        status: "failed",
        detail: (error as Error).message,
        why: "Nothing is passed to the app until it can be shown its secret.",
        mend: "Do what the message says, then start Burrow again.",
      };
    }
    return {
      name: "identity",
      status: "ok",
      detail: `It is told who asks, beside a secret in ${secret.header}, which it must check.`,
    };
  }
  if (upstream.kind === "unix") {
    if (!lstatSync(upstream.path, { throwIfNoEntry: false })?.isSocket())
      return { name: "identity", status: "ok", detail: "Its socket is not there yet." };
    if (!isOpenToOthers(upstream.path))
      return {
        name: "identity",
        status: "ok",
        detail: "It is told who asks, over a socket closed to others.",
      };
  }
  return {
    name: "identity",
    status: "warning",
    detail:
      upstream.kind === "unix"
        ? `Other users of this device can connect to ${upstream.path}.`
        : `Every program of this device can connect to port ${upstream.port}.`,
    why: "Whoever does can claim to be any member, the owner too: the app takes the header at its word.",
    mend:
      upstream.kind === "unix"
        ? `chmod 600 "${upstream.path}", in the app's own settings if it makes the socket anew.`
        : "Have the app listen on a Unix socket of mode 0600, or set secret_file and have it check the header.",
  };
}

/** E9: what is open to everybody is written down, and shown here. */
function checkDoors({ who, openPaths }: ProxiedApp): Check {
  const name = "entrance";
  if (who === "everyone")
    return {
      name,
      status: "warning",
      detail: "Everybody on the internet may enter, without signing in.",
      why: "The app's own sign-in, if it has one, is all that stands before it.",
      mend: 'Set who = "members" unless it is meant so.',
    };
  const whom =
    typeof who === "string" ? { members: "Every member", owner: "The owner" }[who] : who.join(", ");
  if (openPaths.length === 0) return { name, status: "ok", detail: `${whom} may enter, nobody else.` };
  return {
    name,
    status: "ok",
    detail: `${whom} may enter; without signing in everybody may: ${openPaths.join(", ")}.`,
  };
}
