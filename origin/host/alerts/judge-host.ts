import type { Sample } from "../metrics/samples.ts";
import type { Alert } from "./alert.ts";

/** Bytes below which the owner should make room, and below which writes start to fail. */
export const scarceBytes = 500_000_000;
export const exhaustedBytes = 50_000_000;
/** An alert ends only when this much above its limit, so that a figure at the limit does not ring all day. */
const relief = 1.2;

/** Seconds. Burrow copes with more (E1); dates and sign-ins by code do not. */
const clockOffSeconds = 30;
const clockFineSeconds = 20;

/** So many minutes in a row make a state of what may be a moment. */
const lastingMinutes = 3;
const lagLimitMs = 500;
const unpluggedMinutes = 5;
const lowBattery = 20;

const hotBattery = { warning: 45, critical: 55 };
const hotSensor = { warning: 85, critical: 95 };

export interface HostVerdict {
  readonly raise: readonly Alert[];
  readonly clear: readonly string[];
}

/**
 * What the last minutes say of the host: the oldest sample first, the one to judge last. A figure that cannot be
 * read raises nothing and ends nothing.
 */
export function judgeHost(recent: readonly Sample[], clockSkewSeconds: number | null): HostVerdict {
  const raise: Alert[] = [];
  const clear: string[] = [];
  const sample = recent.at(-1);
  if (!sample) return { raise, clear };
  for (const [id, verdict] of [
    ["disk-low", judgeDisk(sample)],
    ["clock-off", judgeClock(clockSkewSeconds)],
    ["origin-degraded", judgeLag(recent)],
    ["device-unplugged", judgePower(recent)],
    ["device-hot", judgeHeat(sample)],
  ] as const) {
    if (verdict === "well") clear.push(id);
    else if (verdict !== "unknown") raise.push({ id, ...verdict });
  }
  return { raise, clear };
}

/** `unknown` also between the limit and the relief: what holds goes on. */
type Verdict = Omit<Alert, "id"> | "well" | "unknown";

function judgeDisk({ diskFree }: Sample): Verdict {
  if (diskFree === null) return "unknown";
  const free = `${Math.floor(diskFree / 1_000_000)} MB are free where the data folder is.`;
  if (diskFree < exhaustedBytes) {
    const detail = `${free} Messages and mail cannot be kept any more: make room at once.`;
    return { severity: "critical", title: "The disk is full", detail };
  }
  if (diskFree < scarceBytes) {
    const detail = `${free} Make room: remove what is not needed, or move old backups away.`;
    return { severity: "warning", title: "Little room on the disk", detail };
  }
  return diskFree > scarceBytes * relief ? "well" : "unknown";
}

function judgeClock(skew: number | null): Verdict {
  if (skew === null) return "unknown";
  if (Math.abs(skew) > clockOffSeconds) {
    const way = skew > 0 ? "ahead of" : "behind";
    return {
      severity: "warning",
      title: "The clock is off",
      detail: `This device's clock is ${Math.abs(skew)} s ${way} the edge's. Dates in messages are wrong. Turn automatic time on, or set the clock.`,
    };
  }
  return Math.abs(skew) <= clockFineSeconds ? "well" : "unknown";
}

function judgeLag(recent: readonly Sample[]): Verdict {
  const last = recent.slice(-lastingMinutes);
  const lags = last.flatMap((sample) => (sample.lagP99 === null ? [] : [sample.lagP99]));
  if (lags.length < lastingMinutes) return "unknown";
  if (lags.every((lag) => lag > lagLimitMs)) {
    return {
      severity: "warning",
      title: "The origin answers slowly",
      detail: `For ${lastingMinutes} minutes its work was up to ${Math.max(...lags)} ms late. See what else runs on the device, and "burrow diagnostics".`,
    };
  }
  return lags.every((lag) => lag <= lagLimitMs) ? "well" : "unknown";
}

function judgePower(recent: readonly Sample[]): Verdict {
  const sample = recent.at(-1);
  if (!sample || sample.discharging === null) return "unknown";
  if (!sample.discharging) return "well";
  const level = sample.batteryLevel;
  const charge = level === null ? "" : ` The battery holds ${level} %.`;
  if (level !== null && level < lowBattery) {
    const detail = `The device will switch off soon.${charge} Plug it in.`;
    return { severity: "critical", title: "The battery is nearly empty", detail };
  }
  const last = recent.slice(-unpluggedMinutes);
  if (last.length < unpluggedMinutes || last.some((one) => one.discharging !== true)) return "unknown";
  const detail = `It has run on its battery for ${unpluggedMinutes} minutes or more.${charge} Check the plug and the cable.`;
  return { severity: "warning", title: "The device is unplugged", detail };
}

function judgeHeat({ temperature, temperatureOf }: Sample): Verdict {
  if (temperature === null) return "unknown";
  const limits = temperatureOf === "battery" ? hotBattery : hotSensor;
  const detail = `The ${temperatureOf ?? "device"} has ${Math.round(temperature)} °C. Heat ages a battery and makes it swell: give it air, take it out of the sun, or limit its charge.`;
  if (temperature >= limits.critical) return { severity: "critical", title: "The device is too hot", detail };
  if (temperature >= limits.warning) return { severity: "warning", title: "The device is hot", detail };
  return temperature <= limits.warning - 3 ? "well" : "unknown";
}
