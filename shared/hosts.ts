/** Public host name (lower case, no port) → the name of the app that it shows. */
export type HostTable = ReadonlyMap<string, string>;

/** Begins the name of each app in the table that is somebody else's program, behind the gate. */
export const PROXIED_PREFIX = "app-";

/** A host table that cannot be read; the message names the entry. */
export class HostTableError extends Error {
  override readonly name = "HostTableError";
}

const ENTRY = /^([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])=([a-z][a-z0-9-]{0,31})$/;

/**
 * Reads `host=app host=app …`.
 *
 * @throws HostTableError on an entry of another form, a host named twice, or no entry at all.
 */
export function parseHostTable(text: string): HostTable {
  const table = new Map<string, string>();
  for (const entry of text.split(/\s+/).filter((word) => word !== "")) {
    const [, host, app] = ENTRY.exec(entry) ?? [];
    if (host === undefined || app === undefined)
      throw new HostTableError(`host table: "${entry}" is not host=app (host in lower case, without a port)`);
    if (table.has(host)) throw new HostTableError(`host table: "${host}" is named twice`);
    table.set(host, app);
  }
  if (table.size === 0) throw new HostTableError("host table: it is empty; name at least one host=app");
  return table;
}

/** The text that `parseHostTable` reads. */
export function formatHostTable(table: HostTable): string {
  return [...table].map(([host, app]) => `${host}=${app}`).join(" ");
}

/** The app that the URL's host shows, or undefined for a host that is none of ours. */
export function appOfUrl(table: HostTable, url: URL): string | undefined {
  return table.get(url.hostname);
}
