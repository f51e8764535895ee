/**
 * Clients that went away without our hearing of it must not pile up: the edge does not always pass an abort on.
 */
const mostOfDevice = 8;

/** Which requests of each device wait for news: where there are too many, the oldest must go. */
export interface WaitingPlaces {
  /** Ends by `signal`, or when newer requests of the device need the place; call `leave` with it in the end. */
  enter(device: string, signal: AbortSignal): WaitingPlace;
}

export interface WaitingPlace {
  readonly signal: AbortSignal;
  leave(): void;
}

export function createWaitingPlaces(): WaitingPlaces {
  const waiting = new Map<string, AbortController[]>();

  return {
    enter(device, signal) {
      const controller = new AbortController();
      const ended = (): void => controller.abort();
      signal.addEventListener("abort", ended, { once: true });
      const queue = waiting.get(device) ?? [];
      waiting.set(device, queue);
      queue.push(controller);
      if (queue.length > mostOfDevice) queue.shift()?.abort();
      return {
        signal: controller.signal,
        leave() {
          signal.removeEventListener("abort", ended);
          const place = queue.indexOf(controller);
          if (place >= 0) queue.splice(place, 1);
          if (queue.length === 0 && waiting.get(device) === queue) waiting.delete(device);
        },
      };
    },
  };
}
