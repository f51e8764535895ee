import { readdirSync, readFileSync, statfsSync } from "node:fs";
import { freemem, loadavg, totalmem } from "node:os";
import { join } from "node:path";

/** What the device tells of itself; null where it does not let us look. Android closes most of /proc and /sys. */
export interface DeviceState {
  /** Bytes free for this user on the data folder's file system. */
  readonly diskFree: number | null;
  readonly diskSize: number | null;
  /** Bytes that could be had without swapping. */
  readonly memoryFree: number | null;
  readonly memorySize: number | null;
  /** Processes that wanted the processor, averaged over a minute. */
  readonly load: number | null;
  /** Percent. */
  readonly batteryLevel: number | null;
  /** Whether the battery is being used up. */
  readonly discharging: boolean | null;
  /** Degrees Celsius of the battery, else of the hottest sensor. */
  readonly temperature: number | null;
  readonly temperatureOf: "battery" | "hottest sensor" | null;
}

/** Looks at the device. Never throws: each look that fails is a null. `root` is `/` but in tests. */
export function readDevice(dataDir: string, root = "/"): DeviceState {
  const disk = attempt(() => statfsSync(dataDir));
  return {
    diskFree: disk && disk.bavail * disk.bsize,
    diskSize: disk && disk.blocks * disk.bsize,
    memoryFree: attempt(() => availableMemory(root)) ?? attempt(freemem),
    memorySize: attempt(totalmem),
    load: attempt(() => loadavg()[0] ?? null),
    ...readPower(root),
  };
}

/** What the kernel calls free leaves out the caches that it would give back. */
function availableMemory(root: string): number | null {
  const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync(join(root, "proc/meminfo"), "latin1"));
  return line ? Number(line[1]) * 1024 : null;
}

type Power = Pick<DeviceState, "batteryLevel" | "discharging" | "temperature" | "temperatureOf">;

/** The kernel's sysfs-class-power and sysfs-class-thermal: a phone has a supply of type Battery. */
function readPower(root: string): Power {
  const supplies = join(root, "sys/class/power_supply");
  const battery = (attempt(() => readdirSync(supplies)) ?? [])
    .map((name) => join(supplies, name))
    .find((folder) => readText(folder, "type") === "Battery" && readText(folder, "scope") !== "Device");
  const status = battery === undefined ? null : readText(battery, "status");
  // Tenths of a degree.
  const tenths = battery === undefined ? null : readNumber(battery, "temp");
  const hottest = tenths === null ? hottestZone(root) : null;
  return {
    batteryLevel: battery === undefined ? null : readNumber(battery, "capacity"),
    discharging: status === null || status === "Unknown" ? null : status === "Discharging",
    temperature: tenths === null ? hottest : tenths / 10,
    temperatureOf: tenths !== null ? "battery" : hottest !== null ? "hottest sensor" : null,
  };
}

function hottestZone(root: string): number | null {
  const zones = join(root, "sys/class/thermal");
  const degrees = (attempt(() => readdirSync(zones)) ?? [])
    .filter((name) => name.startsWith("thermal_zone"))
    // Thousandths of a degree; sensors that are off show impossible figures.
    .map((name) => (readNumber(join(zones, name), "temp") ?? Number.NaN) / 1000)
    .filter((value) => value > 0 && value < 150);
  return degrees.length > 0 ? Math.max(...degrees) : null;
}

function readText(folder: string, file: string): string | null {
  return attempt(() => readFileSync(join(folder, file), "latin1").trim());
}

function readNumber(folder: string, file: string): number | null {
  const text = readText(folder, file);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}

function attempt<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
