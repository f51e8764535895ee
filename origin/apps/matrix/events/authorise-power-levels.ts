import { badJson, forbidden } from "../matrix-error.ts";
import type { AuthState, JsonObject } from "./event.ts";
import type { AuthorisedPdu } from "./authorise.ts";
import { isUserId } from "./identifiers.ts";
import { integersOf, isCreator } from "./power-levels.ts";

const singleLevels = ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];

/**
 * Rule 9 (10 in version 12): what a sender at `level` may change about m.room.power_levels.
 * Throws M_FORBIDDEN; M_BAD_JSON where a level is no integer or is one of a creator.
 */
export function authorisePowerLevels(pdu: AuthorisedPdu, state: AuthState, level: number): void {
  const next = pdu.content;
  checkPowerLevelsShape(next);
  if (state.version.privilegedCreators) {
    for (const user of integersOf(next["users"]).keys()) {
      if (isCreator(state, user)) {
        throw badJson(`${user} created this room and stands above all levels: leave it out.`);
      }
    }
  }
  const current = state.get("m.room.power_levels", "")?.content;
  if (current === undefined) return;

  for (const key of singleLevels) refuseAbove(level, key, current[key], next[key]);
  for (const group of ["events", "notifications"]) {
    for (const [key, was, will] of changes(current[group], next[group])) {
      refuseAbove(level, `${group} ${key}`, was, will);
    }
  }
  for (const [user, was, will] of changes(current["users"], next["users"])) {
    // One may lower oneself, but nobody else who stands as high.
    if (was !== undefined && user !== pdu.sender && was >= level) {
      throw forbidden(`You cannot change the level of ${user}, who stands as high as you.`);
    }
    if (will !== undefined && will > level) throw forbidden(`You cannot raise ${user} above your own level.`);
  }
}

/** The values' types, which room versions from 10 on insist on. Throws M_BAD_JSON, naming the key. */
export function checkPowerLevelsShape(content: JsonObject): void {
  for (const key of singleLevels) {
    const value = content[key];
    if (value !== undefined && !Number.isSafeInteger(value)) throw badJson(`${key} must be an integer.`);
  }
  for (const group of ["events", "notifications", "users"]) {
    const levels = content[group];
    if (levels === undefined) continue;
    if (typeof levels !== "object" || levels === null || Array.isArray(levels)) {
      throw badJson(`${group} must be an object of integers.`);
    }
    for (const [key, value] of Object.entries(levels)) {
      if (!Number.isSafeInteger(value)) throw badJson(`${group} must be an object of integers: see ${key}.`);
      const isName = group !== "users" || isUserId(key);
      if (!isName) throw badJson(`users has a key that is not a user id: ${key}.`);
    }
  }
}

function refuseAbove(level: number, name: string, was: unknown, will: unknown): void {
  if (was === will) return;
  if (typeof was === "number" && was > level) throw forbidden(`${name} is set above your own level.`);
  if (typeof will === "number" && will > level)
    throw forbidden(`You cannot set ${name} above your own level.`);
}

type Change = [key: string, was: number | undefined, will: number | undefined];

function changes(before: unknown, after: unknown): Change[] {
  const was = integersOf(before);
  const will = integersOf(after);
  const found: Change[] = [];
  for (const key of new Set([...was.keys(), ...will.keys()])) {
    if (was.get(key) !== will.get(key)) found.push([key, was.get(key), will.get(key)]);
  }
  return found;
}
