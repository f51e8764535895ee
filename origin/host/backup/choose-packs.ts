import type { PackLine } from "./manifest.ts";

const MB = 1024 * 1024;
/** So much costs a home line some minutes and the dearest buckets a few cents: up to it all packs are compared. */
const leastBytes = 256 * MB;
/** And so much nobody's data plan should be asked for in one week, however large the backup is. */
const mostBytes = 2048 * MB;
/** Drills of half a year, one a week. */
const drillsForAll = 26;

/**
 * The packs that a drill fetches back from a bucket: all of them up to 256 MiB, else a twenty-sixth, so that each was
 * compared within half a year, but no more than 2 GiB a run (past 52 GiB a round takes longer). One pack at the least,
 * and the last one may exceed the bound.
 *
 * A pack's name is the hash of random bytes, so their order is a lot that is drawn once; each run goes on in it from
 * where the last good one ended (`after`, a hash) and begins anew at the end. So no pack waits longer than one round,
 * also when others come and go.
 */
export function choosePacks(packs: readonly PackLine[], after: string): readonly PackLine[] {
  const total = packs.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= leastBytes) return packs;
  const bound = Math.min(Math.max(total / drillsForAll, leastBytes), mostBytes);
  const inOrder = packs.toSorted((a, b) => (a.hash < b.hash ? -1 : 1));
  const next = inOrder.findIndex(({ hash }) => hash > after);
  const chosen: PackLine[] = [];
  let bytes = 0;
  for (const pack of [...inOrder.slice(Math.max(next, 0)), ...inOrder.slice(0, Math.max(next, 0))]) {
    if (bytes >= bound) break;
    chosen.push(pack);
    bytes += pack.bytes;
  }
  return chosen;
}
