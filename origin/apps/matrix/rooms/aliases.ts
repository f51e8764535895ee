import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { domainOf, isWithinIdLimit } from "../events/identifiers.ts";
import { requiredLevel, userLevel } from "../events/power-levels.ts";
import { forbidden, invalidParam, MatrixError, notFound } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { requireJoined } from "./access.ts";
import { type Room, stateOf } from "./room.ts";

const canonicalAlias = "m.room.canonical_alias";
// Appendices §Room Aliases: any local part, but a colon ends it, and neither blanks nor NUL stand in a name.
const grammar = /^#[^:\s\0]+:[A-Za-z0-9.:[\]-]+$/;

/** The room that a room id or an alias names, as its id. 404 for an unknown alias; an id is taken as it is. */
export function resolveRoom(matrix: MatrixContext, idOrAlias: string): string {
  if (idOrAlias.startsWith("!")) return idOrAlias;
  if (!idOrAlias.startsWith("#")) throw invalidParam("Give a room id (!…) or a room alias (#…).");
  return findAlias(matrix, idOrAlias).roomId;
}

/** 400 for what is no alias, 404 for one that names no room here. */
export function findAlias(matrix: MatrixContext, alias: string): { roomId: string } {
  checkGrammar(alias);
  const found = matrix.aliases.find(alias);
  const room = found && matrix.rooms.byNid(found.room);
  if (!room) throw unknownAlias(alias);
  return { roomId: room.roomId };
}

/** 404 for an alias that names no room here; 400 for what is no alias. */
export function unknownAlias(alias: string): MatrixError {
  checkGrammar(alias);
  return notFound(`No room here is called ${alias}.`);
}

/** Names a room. Any of its members may; 409 when the alias is taken. */
export function addAlias(
  matrix: MatrixContext,
  transaction: Transaction,
  request: { alias: string; roomId: string; userId: string },
): void {
  const { alias, roomId, userId } = request;
  checkGrammar(alias);
  if (domainOf(alias) !== matrix.config.serverName) {
    throw invalidParam(`Aliases here end with :${matrix.config.serverName}.`);
  }
  const room = requireJoined(matrix, roomId, userId);
  if (!matrix.aliases.add(transaction, { alias, room: room.nid, creator: userId })) {
    throw new MatrixError(409, "M_UNKNOWN", `The room alias ${alias} already exists.`);
  }
}

/**
 * Takes a name away: whoever gave it may, and whoever may set the room's main alias. Where the remover may, the name
 * also leaves m.room.canonical_alias.
 */
export function removeAlias(
  matrix: MatrixContext,
  transaction: Transaction,
  request: { alias: string; userId: string },
): void {
  const { alias, userId } = request;
  checkGrammar(alias);
  const found = matrix.aliases.find(alias);
  if (!found) throw unknownAlias(alias);
  const room = matrix.rooms.byNid(found.room);
  const mayName = room !== undefined && maySetCanonicalAlias(room, userId);
  if (found.creator !== userId && !mayName) {
    throw forbidden("Only who made this alias, or who may set the room's main address, can remove it.");
  }
  matrix.aliases.remove(transaction, alias);
  if (!room || !mayName) return;
  const content = withoutAlias(stateOf(room, canonicalAlias)?.pdu.content, alias);
  if (content) {
    matrix.append(transaction, room, { type: canonicalAlias, stateKey: "", sender: userId, content });
  }
}

/**
 * The aliases that a new m.room.canonical_alias names and the present one does not must be aliases (400
 * M_INVALID_PARAM) of this very room (400 M_BAD_ALIAS).
 */
export function checkCanonicalAlias(matrix: MatrixContext, room: Room, content: JsonObject): void {
  const known = new Set(aliasesIn(stateOf(room, canonicalAlias)?.pdu.content));
  for (const alias of aliasesIn(content)) {
    if (known.has(alias)) continue;
    checkGrammar(alias);
    if (matrix.aliases.find(alias)?.room !== room.nid) {
      throw new MatrixError(400, "M_BAD_ALIAS", `The alias ${alias} does not point to this room.`);
    }
  }
}

/** `#local:server` of a local part as createRoom gets it; 400 M_INVALID_PARAM where that is none. */
export function aliasOf(matrix: MatrixContext, localpart: string): string {
  const alias = `#${localpart}:${matrix.config.serverName}`;
  if (localpart.includes(":")) throw invalidParam("room_alias_name is only what stands before the colon.");
  checkGrammar(alias);
  return alias;
}

function checkGrammar(alias: string): void {
  if (!grammar.test(alias) || !isWithinIdLimit(alias)) throw invalidParam(`${alias} is not a room alias.`);
}

/**
 * When a room takes another's place: its aliases, its main address and its entry in the directory become those of the
 * other. The old room keeps its main address only where the user may not set it.
 */
export function moveAddresses(
  matrix: MatrixContext,
  transaction: Transaction,
  request: { from: Room; to: Room; userId: string },
): void {
  const { from, to, userId } = request;
  matrix.aliases.move(transaction, from.nid, to.nid);
  const named = stateOf(from, canonicalAlias)?.pdu.content;
  const known = new Set(matrix.aliases.ofRoom(to.nid));
  // What names no room any more would be refused in the new one.
  let content = named;
  for (const alias of aliasesIn(named)) if (!known.has(alias)) content = withoutAlias(content, alias);
  if (content && aliasesIn(content).length > 0) {
    matrix.append(transaction, to, { type: canonicalAlias, stateKey: "", sender: userId, content });
  }
  if (aliasesIn(named).length > 0 && maySetCanonicalAlias(from, userId)) {
    matrix.append(transaction, from, { type: canonicalAlias, stateKey: "", sender: userId, content: {} });
  }
  if (!matrix.roomDirectory.has(from)) return;
  matrix.roomDirectory.set(transaction, from, false);
  matrix.roomDirectory.set(transaction, to, true);
}

function maySetCanonicalAlias(room: Room, userId: string): boolean {
  return room.joined.has(userId) && userLevel(room, userId) >= requiredLevel(room, canonicalAlias, true);
}

function aliasesIn(content: JsonObject | undefined): string[] {
  const { alias, alt_aliases: alternatives } = content ?? {};
  const named = Array.isArray(alternatives) ? [alias, ...alternatives] : [alias];
  return named.filter((name) => typeof name === "string" && name !== "") as string[];
}

/** The content without the alias; undefined when it was not there. */
function withoutAlias(content: JsonObject | undefined, alias: string): JsonObject | undefined {
  if (!content || !aliasesIn(content).includes(alias)) return undefined;
  const { alias: main, alt_aliases: alternatives, ...rest } = content;
  const kept = Array.isArray(alternatives) ? alternatives.filter((name) => name !== alias) : [];
  return {
    ...rest,
    ...(main !== undefined && main !== alias && { alias: main }),
    ...(kept.length > 0 && { alt_aliases: kept }),
  };
}
