import { statSync } from "node:fs";
import { join } from "node:path";
import { databaseFolder } from "../../storage/databases.ts";
import type { AlertRecord } from "../alerts/alert.ts";
import { runningVersion } from "../version.ts";
import { type Counters, createCounters } from "./counters.ts";
import { type Family, formatFamilies } from "./prometheus.ts";
import { createSamples, type Sample, type Samples } from "./samples.ts";

/** What of a supervised service is shown. */
export interface ServiceLine {
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
}

export interface Metrics extends Pick<Counters, "countAnswers" | "countWrites" | "lastKey"> {
  readonly samples: Samples;
  /** The Prometheus text of this moment. */
  render(sources: { alerts: readonly AlertRecord[]; services: readonly ServiceLine[] }): string;
  close(): void;
}

/** Figures of the device, the process, the requests and the databases. The samples are taken by `watchHost`. */
export function createMetrics({ dataDir, now }: { dataDir: string; now: () => number }): Metrics {
  const counters = createCounters(now);
  const samples = createSamples({ dataDir, now });
  const startedAt = now();
  return {
    countAnswers: (proof) => counters.countAnswers(proof),
    countWrites: (database) => counters.countWrites(database),
    lastKey: () => counters.lastKey(),
    samples,
    render: ({ alerts, services }) =>
      formatFamilies([
        single("burrow_info", "The version that runs.", 1, { version: runningVersion }),
        single("burrow_start_time_seconds", "When this process started.", startedAt / 1000),
        ...describeSample(samples.latest() ?? samples.take()),
        ...describeCounters(counters),
        ...describeDatabases(counters, dataDir),
        {
          name: "burrow_open_alerts",
          type: "gauge",
          help: "Alerts that hold, by severity.",
          values: (["warning", "critical"] as const).map((severity) => ({
            labels: { severity },
            value: alerts.filter((alert) => alert.severity === severity).length,
          })),
        },
        ...describeServices(services),
      ]),
    close: () => samples.close(),
  };
}

function single(name: string, help: string, value: number | null, labels = {}): Family {
  return { name, type: "gauge", help, values: [{ value, labels }] };
}

function describeSample(sample: Sample): Family[] {
  const seconds = (milliseconds: number | null) => milliseconds && milliseconds / 1000;
  return [
    single("burrow_process_resident_memory_bytes", "Memory that this process holds.", sample.rss),
    single("burrow_process_cpu_ratio", "Share of one processor, over the last minute.", sample.cpu),
    single(
      "burrow_event_loop_lag_p99_seconds",
      "Lateness of the event loop, over the last minute.",
      seconds(sample.lagP99),
    ),
    single("burrow_event_loop_lag_max_seconds", "The worst of it.", seconds(sample.lagMax)),
    single("burrow_disk_free_bytes", "Free for this user where the data folder is.", sample.diskFree),
    single("burrow_disk_size_bytes", "Size of the file system of the data folder.", sample.diskSize),
    single("burrow_memory_free_bytes", "Memory of the device to be had.", sample.memoryFree),
    single("burrow_memory_size_bytes", "Memory of the device.", sample.memorySize),
    single("burrow_load_average", "Processes that want the processor, over a minute.", sample.load),
    single(
      "burrow_battery_ratio",
      "What the battery holds.",
      sample.batteryLevel === null ? null : sample.batteryLevel / 100,
    ),
    single(
      "burrow_battery_discharging",
      "1 while the battery is used up.",
      sample.discharging === null ? null : Number(sample.discharging),
    ),
    single("burrow_temperature_celsius", "Of the battery, else of the hottest sensor.", sample.temperature),
  ];
}

function describeCounters({ answers, guesses }: Counters): Family[] {
  return [
    {
      name: "burrow_http_answers_total",
      type: "counter",
      help: "Answers since the start, by the class of their status.",
      values: [...answers].map(([digit, value]) => ({ labels: { status: `${digit}xx` }, value })),
    },
    {
      name: "burrow_secret_attempts_total",
      type: "counter",
      help: "Attempts at a password or another secret since the start.",
      values: [...guesses].map(([verdict, value]) => ({ labels: { verdict }, value })),
    },
  ];
}

function describeDatabases({ databases }: Counters, dataDir: string): Family[] {
  const each = (
    type: Family["type"],
    name: string,
    help: string,
    read: (database: string) => number | null,
  ) => ({
    name: `burrow_database_${name}`,
    type,
    help,
    values: [...databases.keys()].map((database) => ({ labels: { database }, value: read(database) })),
  });
  const file = (name: string) => join(databaseFolder(dataDir), name);
  return [
    each("counter", "writes_total", "Writes since the start.", (name) => databases.get(name)?.writes ?? 0),
    each(
      "counter",
      "commits_total",
      "Transactions since the start, one fsync each.",
      (name) => databases.get(name)?.commits ?? 0,
    ),
    each("counter", "failed_writes_total", "Writes undone.", (name) => databases.get(name)?.failed ?? 0),
    each("gauge", "bytes", "Size of the file.", (name) => sizeOf(file(`${name}.db`))),
    each("gauge", "wal_bytes", "Size of its write-ahead log.", (name) => sizeOf(file(`${name}.db-wal`))),
  ];
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

function describeServices(services: readonly ServiceLine[]): Family[] {
  return [
    {
      name: "burrow_service_state",
      type: "gauge",
      help: "1 for the state that the service is in.",
      values: services.map(({ name, state }) => ({ labels: { service: name, state }, value: 1 })),
    },
    {
      name: "burrow_service_restarts_total",
      type: "counter",
      help: "Restarts since the start of this process.",
      values: services.map(({ name, restarts }) => ({ labels: { service: name }, value: restarts })),
    },
  ];
}
