import { statSync } from "node:fs";
import { PROOF_WINDOW_SECONDS } from "../../../shared/edge-proof.ts";
import type { Check } from "../../app.ts";
import type { Config } from "../../config/config.ts";
import type { Running } from "../../host/data-lock.ts";
import { runningVersion } from "../../host/version.ts";
import { auditListeners } from "../../host/listener-audit.ts";
import { failed, messageOf, ok, warning } from "./check.ts";

/** The edge answers at once or not at all. */
const patienceMs = 5_000;

export function checkDaemon(running: Running | undefined): Check {
  if (running && running.version !== runningVersion) {
    return warning("daemon", `Version ${running.version} runs, and ${runningVersion} is installed.`, {
      why: "What the newer version mends is not mended yet.",
      mend: "Restart Burrow.",
    });
  }
  return running
    ? ok("daemon", `Running as process ${running.pid}, listening on ${running.listen}.`)
    : warning("daemon", "Not running.", {
        why: "Nobody can reach the server.",
        mend: 'burrow up, or "burrow install-boot" so that it starts by itself',
      });
}

export async function checkListeners(running: Running): Promise<Check> {
  if (running.listen.startsWith("unix:")) return checkSocket(running.listen.slice(5));
  const port = Number(running.listen.slice(running.listen.lastIndexOf(":") + 1));
  const audit = await auditListeners(port, running.pid);
  if (audit.exposed.length > 0) {
    return failed(
      "listeners",
      `Port ${port} can be reached from the network, on ${audit.exposed.join(" and ")}.`,
      {
        why: "Whoever is in the same network can knock without passing the edge.",
        mend: "Stop Burrow and check what uses that port.",
      },
    );
  }
  return audit.method === "none"
    ? warning("listeners", "This machine shows neither its sockets nor lets them be probed.", {
        why: "It cannot be seen whether anything can be reached from the network.",
        mend: 'Use a Unix socket, which the network cannot reach: burrow config set listen "unix:origin.sock"',
      })
    : ok(
        "listeners",
        `Only loopback (seen by ${audit.method === "kernel" ? "the kernel's tables" : "trying to bind"}).`,
      );
}

function checkSocket(path: string): Check {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  const mend = "Restart Burrow: it makes the socket anew, for its owner only.";
  if (mode === undefined)
    return failed("listeners", `The socket ${path} is gone.`, {
      why: "The tunnel finds nobody there.",
      mend,
    });
  return (mode & 0o077) === 0
    ? ok("listeners", "One Unix socket, for its owner only.")
    : failed("listeners", `Other users may open the socket ${path}.`, {
        why: "Another app of this device can knock without passing the edge.",
        mend,
      });
}

/** Asks the edge over the public URL, as a client would: this alone shows a wrong clock or a wrong key. */
export async function checkEdge(config: Config): Promise<Check[]> {
  const url = `${config.publicUrl}/health/auth`;
  let answer: { edge_proof_accepted?: unknown; clock_skew_s?: unknown };
  let date: string | null;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patienceMs), redirect: "error" });
    date = response.headers.get("date");
    answer = (await response.json()) as typeof answer;
  } catch (error) {
    const why = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
    return [
      warning("edge", `${config.publicUrl} does not answer (${why}).`, {
        why: "Nobody can reach the server from outside.",
        mend: 'Check the network and the tunnel ("burrow service list"), then "burrow edge config" and its commands.',
      }),
    ];
  }
  return [
    answer.edge_proof_accepted === true
      ? ok("edge", `${config.publicUrl} reaches this origin.`)
      : failed("edge", "The edge answers, and its requests are refused here or do not arrive.", {
          why: "Nobody can reach the server from outside.",
          mend: "Check that the tunnel runs and that EDGE_KEY at the edge is the first line of secrets/edge-key.",
        }),
    describeClock(skewOf(answer.clock_skew_s, date)),
  ];
}

/** Seconds by which this clock is ahead of the edge's: as the edge says, else by its Date header. */
function skewOf(told: unknown, date: string | null): number | undefined {
  if (typeof told === "number") return told;
  const time = date === null ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? undefined : Math.round((Date.now() - time) / 1000);
}

export function describeClock(skew: number | undefined): Check {
  if (skew === undefined)
    return warning("clock", "The edge did not tell its time, so this clock cannot be compared.", {
      why: "A clock that is wrong shows only in wrong dates.",
      mend: "Look at the device's time.",
    });
  if (Math.abs(skew) <= PROOF_WINDOW_SECONDS)
    return ok("clock", `Within ${PROOF_WINDOW_SECONDS} s of the edge's.`);
  const how = `${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} the edge's`;
  return warning("clock", `This machine's clock is ${how}.`, {
    why: "Burrow copes with that; dates in it are wrong.",
    mend: "Turn automatic time on, or set the clock.",
  });
}
