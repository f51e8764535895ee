import type { Asking } from "../../gate/gate.ts";
import type { Carried } from "../../gate/proxy/carry.ts";
import type { RequestContext } from "../../http/request-context.ts";

/** One request or connection that is under way. */
export interface Visit {
  readonly context: RequestContext;
  readonly request: Asking;
  /** Whether it was let in as somebody, who may be put out again. */
  readonly isSomebody: boolean;
}

/** Everything that is under way at one app: so many at most, and none in the name of somebody who was put out. */
export interface Visits {
  /** False when the app has as many as it may. */
  hasRoom(): boolean;
  /** Counts it until `leave`. */
  enter(visit: Visit, start: (leave: () => void) => Carried): void;
  /** Asks again of each whether it may stay, and cuts those that may not. */
  review(): Promise<void>;
  cutAll(): void;
}

export function createVisits(options: { most: number; mayStay: (visit: Visit) => Promise<boolean> }): Visits {
  const { most, mayStay } = options;
  const underWay = new Map<Visit, Carried | undefined>();

  return {
    hasRoom: () => underWay.size < most,
    enter(visit, start) {
      underWay.set(visit, undefined);
      const carried = start(() => underWay.delete(visit));
      if (underWay.has(visit)) underWay.set(visit, carried);
    },
    async review() {
      for (const visit of underWay.keys()) {
        if (!visit.isSomebody) continue;
        // Who cannot be told to be welcome any more is not.
        const stays = await mayStay(visit).catch(() => false);
        if (!stays) underWay.get(visit)?.cut();
      }
    },
    cutAll() {
      for (const carried of underWay.values()) carried?.cut();
    },
  };
}
