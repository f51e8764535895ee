/**
 * The same load on ours and on another homeserver, both running side by side, slice by slice in turn: what else the
 * machine does meets both. Only the client-server API is used, so that it works with any. See docs/performance.md.
 */
import { join } from "node:path";
import { createRandom } from "./arrivals.ts";
import { fanOutPhases } from "./fan-out.ts";
import { loginPhase } from "./login.ts";
import { pagingPhase } from "./paging.ts";
import type { Site } from "./people.ts";
import { alternate, type Phase } from "./phase.ts";
import { printPhase, times } from "./report.ts";
import { mostWriters, sendPhases } from "./send.ts";
import { syncPhases } from "./sync.ts";
import { joinPeer, startFloor, startNullServer, startOurs, type Target } from "./target.ts";

export interface Comparison {
  /** Without one, ours stands beside the floor alone. */
  readonly peer: string | undefined;
  readonly peerPid: number | undefined;
  readonly peerData: string | undefined;
  readonly peerTokens: string | undefined;
  readonly quick: boolean;
  /** Only the phases whose names hold this text. */
  readonly only: string | undefined;
}

const seed = 20_261_129;

interface Plan {
  readonly slices: number;
  readonly seconds: number;
  readonly phases: readonly Phase[];
}

const quickPlan: Plan = {
  slices: 2,
  seconds: 1.2,
  phases: [
    ...sendPhases({ membersOfShared: mostWriters, perSecond: 100 }),
    ...fanOutPhases({ readers: 50, perSecond: 10 }),
    ...syncPhases({ counts: [10, 100], members: 3, perSecond: 20, initialPerSecond: 2 }),
    pagingPhase(20),
    loginPhase(8),
  ],
};

const longPlan: Plan = {
  slices: 3,
  seconds: 2.5,
  phases: [
    ...sendPhases({ membersOfShared: mostWriters, perSecond: 100 }),
    ...fanOutPhases({ readers: 50, perSecond: 10 }),
    ...fanOutPhases({ readers: 500, perSecond: 1 }),
    ...syncPhases({ counts: [10, 100, 1000], members: 10, perSecond: 20, initialPerSecond: 1 }),
    ...syncPhases({ counts: [10], members: 1000, perSecond: 20, initialPerSecond: 0.5 }),
    pagingPhase(20),
    loginPhase(8),
  ],
};

/** Runs the whole comparison in `folder` and prints it. */
export async function compareWithPeer(options: Comparison, folder: string): Promise<void> {
  const plan = options.quick ? quickPlan : longPlan;
  const targets: Target[] = [];
  try {
    await calibrate(targets);
    targets.push(await startOurs(join(folder, "ours")), await startFloor(join(folder, "floor.db")));
    const { peer: url, peerPid: pid, peerData: dataDir, peerTokens: tokensFile } = options;
    if (url !== undefined) targets.push(joinPeer({ url, pid, dataDir, tokensFile }));
    const sites = targets.map((target): Site => ({ target, people: [] }));
    await run(plan, sites, options.only ?? "");
    printProcesses(sites);
  } finally {
    for (const target of targets) await target.stop();
  }
}

async function run(plan: Plan, sites: readonly Site[], only: string): Promise<void> {
  for (const phase of plan.phases) {
    if (!phase.name.includes(only)) continue;
    const taking = sites.filter(({ target }) => phase.floor || target.name !== "floor");
    printPhase(phase, await lay(phase, taking, plan));
  }
}

const lay = (phase: Phase, sites: readonly Site[], { slices, seconds }: Omit<Plan, "phases">) =>
  alternate(phase, sites, { slices, seconds, random: (slice) => createRandom(seed + slice) });

/** What the generator alone takes, with a server that does nothing: less than that cannot be measured. */
async function calibrate(targets: Target[]): Promise<void> {
  const nullServer = await startNullServer();
  targets.push(nullServer);
  console.log("\nThe generator by itself, before a server that does nothing:");
  for (const phase of quickPlan.phases.filter(({ name }) => /^send|readers, \/sync/.test(name))) {
    printPhase(phase, await lay(phase, [{ target: nullServer, people: [] }], { slices: 1, seconds: 1 }));
  }
  targets.pop();
  await nullServer.stop();
  console.log("\nThe servers:");
}

function printProcesses(sites: readonly Site[]): void {
  console.log("\nmemory at the end (RSS), and the most there was");
  const peaks = new Map<string, number>();
  for (const { target } of sites) {
    const { now, peak } = target.probe.memory();
    peaks.set(target.name, peak);
    console.log(`  ${target.name.padEnd(6)} ${now.toFixed(0)} MB, ${peak.toFixed(0)} MB`);
  }
  const [ours, peer] = [peaks.get("ours"), peaks.get("peer")];
  if (ours !== undefined && peer !== undefined) console.log(`  = ${times(peer / ours)} less than the peer`);
}
