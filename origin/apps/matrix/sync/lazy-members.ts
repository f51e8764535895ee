/**
 * Which member events a device has been given, so that lazy loading does not repeat them (specification
 * §Lazy-loading room members: a redundant event may be left out). Memory only, and forgetting is harmless:
 * the event is then sent once more.
 */
export interface LazyMembers {
  /** Whether the device holds the member's event at `memberSo`, as proved by the `since` that it presents. */
  knows(device: string, room: number, member: string, memberSo: number, since: number): boolean;
  /** The event is in the answer that leads the client to `next`. */
  sent(device: string, room: number, member: string, memberSo: number, next: number): void;
}

interface Sent {
  readonly memberSo: number;
  /** The answer may be lost on its way: only a client that presents this position or a later one has read it. */
  readonly next: number;
}

const mostDevices = 100;
/** About 150 bytes each. */
const mostOfDevice = 4000;

export function createLazyMembers(): LazyMembers {
  const devices = new Map<string, Map<string, Sent>>();

  return {
    knows(device, room, member, memberSo, since) {
      const sent = devices.get(device)?.get(`${room} ${member}`);
      return sent !== undefined && sent.memberSo === memberSo && sent.next <= since;
    },
    sent(device, room, member, memberSo, next) {
      const known = devices.get(device) ?? new Map<string, Sent>();
      // Re-inserted: the first key of the map is the device that was served longest ago.
      devices.delete(device);
      devices.set(device, known);
      if (devices.size > mostDevices) devices.delete(devices.keys().next().value!);
      if (known.size >= mostOfDevice) known.clear();
      known.set(`${room} ${member}`, { memberSo, next });
    },
  };
}
