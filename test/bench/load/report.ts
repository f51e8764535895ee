import type { Site } from "./people.ts";
import type { Phase, Total } from "./phase.ts";

/** The figures of one phase, a line for each target and the peer's beside ours as ratios. */
export function printPhase(phase: Phase, totals: ReadonlyMap<Site, Total>): void {
  console.log(`\n${phase.name}`);
  const byName = new Map([...totals].map(([site, total]) => [site.target.name, total]));
  for (const [name, total] of byName) console.log(`  ${name.padEnd(6)} ${describe(phase, total)}`);
  const ours = byName.get("ours");
  const ratios = ["peer", "floor"].flatMap((name) => {
    const other = byName.get(name);
    return ours && other ? [compare(phase, ours, other, name)] : [];
  });
  for (const line of ratios) if (line !== "") console.log(`  ${line}`);
}

function describe(phase: Phase, total: Total): string {
  if (total.absent !== undefined) return total.absent;
  const { latency } = total;
  const cells = [
    phase.backlog ? `${total.perSecond.toFixed(0).padStart(6)}/s` : `${String(total.done).padStart(6)} done`,
    ...[0.5, 0.95, 0.99].map((q) => `p${q * 100} ${milliseconds(latency.quantile(q)).padStart(9)}`),
    `max ${milliseconds(latency.max).padStart(9)}`,
    `CPU ${milliseconds(total.cpuMs).padStart(9)} for each ${phase.unit}`,
    ...(phase.backlog && !Number.isNaN(total.diskBytes)
      ? [`${total.diskBytes.toFixed(0)} bytes on disk`]
      : []),
    `${total.memory.toFixed(0)} MB`,
  ];
  return `${cells.join("  ")}${total.failed > 0 ? `  FAILED ${total.failed}` : ""}`;
}

function compare(phase: Phase, ours: Total, other: Total, name: string): string {
  if (ours.absent !== undefined || other.absent !== undefined) return "";
  const parts = phase.backlog
    ? [`${times(ours.perSecond / other.perSecond)} as many as the ${name}`]
    : [0.5, 0.99].map(
        (q) =>
          `p${q * 100} ${times(other.latency.quantile(q) / ours.latency.quantile(q))} lower than the ${name}`,
      );
  parts.push(`${times(other.cpuMs / ours.cpuMs)} less CPU`);
  return `= ${parts.join(", ")}`;
}

export const milliseconds = (value: number): string =>
  `${value < 100 ? value.toFixed(2) : value.toFixed(0)} ms`;
export const times = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ×`;
