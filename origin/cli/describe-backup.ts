import type { Manifest } from "../host/backup/manifest.ts";
import type { Invocation } from "./command.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";

/** What the commands say of a backup: to a program, and to people. */
export function about(manifest: Manifest): object {
  const { serverName, sequence, createdAt, version, schemas } = manifest;
  const bytes = manifest.payload.bytes + manifest.packs.bytes;
  return { serverName, sequence, createdAt, version, schemas, bytes };
}

export function sentence({ serverName, sequence, createdAt, version }: Manifest): string {
  return `Backup ${sequence} of ${serverName}, made ${new Date(createdAt).toISOString()} by Burrow ${version}.`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function progressBar(invocation: Invocation): ProgressBar {
  return createProgressBar(process.stderr, !invocation.json);
}
