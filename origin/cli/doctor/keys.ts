import { statSync } from "node:fs";
import type { Check } from "../../app.ts";
import {
  readEdgeKeys,
  readOptionalSecret,
  secretFile,
  type SecretName,
  secretNames,
} from "../../config/secrets.ts";
import { failedBy, ok, warning } from "./check.ts";

const dayMs = 86_400_000;
/** A secret is exchanged once a year; those that only its owner's other systems know, when these say so. */
const oldestMs = 366 * dayMs;
const yearly: readonly SecretName[] = [
  "edge-key",
  "tunnel-token",
  "alert-webhook-key",
  "s3-secret",
  "mail-bucket-secret",
];
/** An exchange of the edge key is a matter of minutes. */
const longestExchangeMs = 7 * dayMs;

/** K1, and the age of each secret by its file's time. No content leaves this function. */
export function checkSecrets(dataDir: string, now: number): Check[] {
  const checks: Check[] = [];
  let found = 0;
  for (const name of secretNames) {
    try {
      if (name === "edge-key") readEdgeKeys(dataDir);
      else if (readOptionalSecret(dataDir, name) === undefined) continue;
      found += 1;
      checks.push(...checkAge(dataDir, name, now));
    } catch (error) {
      checks.push(
        failedBy(
          "secrets",
          error,
          "Burrow does not start: a secret that is not there, or that others may have read, is none.",
        ),
      );
    }
  }
  if (checks.every((check) => check.name !== "secrets")) {
    checks.unshift(ok("secrets", `${found} ${found === 1 ? "file" : "files"}, readable by the owner only.`));
  }
  return checks;
}

function checkAge(dataDir: string, name: SecretName, now: number): Check[] {
  const age = now - statSync(secretFile(dataDir, name)).mtimeMs;
  const exchanging = name === "edge-key" && readEdgeKeys(dataDir).length === 2;
  if (exchanging && age > longestExchangeMs) {
    return [
      warning("edge-key", `Two keys have been good for ${days(age)}: an exchange is not finished.`, {
        why: "The old key opens the server as well as the new one.",
        mend: "burrow rotate edge-key --finish",
      }),
    ];
  }
  if (exchanging) return [ok("edge-key", "It is being exchanged: two keys are good.")];
  if (!yearly.includes(name) || age <= oldestMs) return [];
  return [
    warning(name, `It is ${days(age)} old.`, {
      why: "The longer a secret lives, the more places it may have got to.",
      mend: `burrow rotate ${name}`,
    }),
  ];
}

function days(milliseconds: number): string {
  return `${Math.floor(milliseconds / dayMs)} days`;
}
