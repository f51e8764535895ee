/**
 * How much one device, one member and, where there is no account yet, one address may do (row M4): token buckets in
 * memory. A bucket holds what a minute allows, so that all of it may come at once; people and bots never meet the
 * usual ones. They follow the monotonic clock: setting the clock frees nobody and holds nobody up.
 */
export const limitNames = [
  "login",
  "registration",
  "uploads",
  "messages",
  "invites",
  "rooms",
  "joins",
  "keys",
  "reports",
  "profiles",
  "search",
] as const;

export type LimitName = (typeof limitNames)[number];

/** What a minute allows, for one device. */
export type RatesPerMinute = Readonly<Record<LimitName, number>>;

/** Who pays: a device of a member, or whoever asks from an address. */
export type Payer =
  | { readonly memberId: number; readonly deviceId: string; readonly owner: boolean }
  | { readonly address: string };

export interface RateLimits {
  /** Takes `amount`, or nothing: 0 when it was taken, otherwise in how many milliseconds there will be enough. */
  take(limit: LimitName, payer: Payer, amount?: number): number;
}

/** A member's devices together may do as much as so many of them. */
const devicesOfMember = 3;
/** Owners tend the server, by scripts too; a stolen owner's token must not be without bounds either. */
const ownersShare = 5;

/** Some 100 bytes each. Beyond it the full ones go first, which is as if they had never been. */
const mostBuckets = 10_000;
const minute = 60_000;

interface Bucket {
  level: number;
  /** When the level was right, by the monotonic clock. */
  at: number;
  readonly capacity: number;
}

/** Undefined rates: no limits (a test server, or the owner's setting). `now`: monotonic milliseconds. */
export function createRateLimits(
  rates: RatesPerMinute | undefined,
  now: () => number = () => performance.now(),
): RateLimits {
  if (!rates) return { take: () => 0 };
  const buckets = new Map<string, Bucket>();

  function find(key: string, capacity: number, at: number): Bucket {
    const known = buckets.get(key);
    if (known) {
      known.level = Math.min(capacity, known.level + ((at - known.at) * capacity) / minute);
      known.at = at;
      return known;
    }
    if (buckets.size >= mostBuckets) sweep(at);
    const bucket: Bucket = { level: capacity, at, capacity };
    buckets.set(key, bucket);
    return bucket;
  }

  /** Then the oldest: memory stays bounded, whoever comes from however many addresses. */
  function sweep(at: number): void {
    for (const [key, { level, at: then, capacity }] of buckets) {
      if (level + ((at - then) * capacity) / minute >= capacity) buckets.delete(key);
    }
    for (const key of buckets.keys()) {
      if (buckets.size < mostBuckets / 2) break;
      buckets.delete(key);
    }
  }

  return {
    take(limit, payer, amount = 1) {
      const at = now();
      const each = rates[limit];
      const asked = keysOf(payer, each).map(([key, capacity]) => find(`${limit} ${key}`, capacity, at));
      // More than a bucket holds is taken when it is full: never is no answer.
      const waits = asked.map(
        ({ level, capacity }) => ((Math.min(amount, capacity) - level) * minute) / capacity,
      );
      const wait = Math.ceil(Math.max(...waits));
      if (wait > 0) return wait;
      for (const bucket of asked) bucket.level -= Math.min(amount, bucket.capacity);
      return 0;
    },
  };
}

function keysOf(payer: Payer, each: number): [key: string, capacity: number][] {
  if ("address" in payer) return [[networkOf(payer.address), each]];
  const { memberId, deviceId, owner } = payer;
  const own = owner ? each * ownersShare : each;
  return [
    [`${memberId} ${deviceId}`, own],
    [`${memberId}`, own * devicesOfMember],
  ];
}

/** An IPv6 customer holds a /64 at least: its first four groups. IPv4 may come in IPv6's clothes. */
function networkOf(address: string): string {
  if (address.includes(".")) return address.slice(address.lastIndexOf(":") + 1);
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) while (groups.length < 4) groups.push("0");
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":");
}
