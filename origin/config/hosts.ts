import type { Mode } from "./config.ts";

/** Apps with a host of their own, `NAME.<server name>`. `id` is where members sign in (G3). */
const appHosts: readonly string[] = ["id"];

/** The host of an app that is always there: `id.example.org` for `id`. */
export function hostNamed(hosts: ReadonlyMap<string, string>, app: string): string {
  const entry = [...hosts].find(([, name]) => name === app);
  if (!entry) throw new Error(`No host shows ${app}.`);
  return entry[0];
}

/** Public host (lower-case, no port) → app host. */
export function hostsOf(serverName: string, mode: Mode, hasMail: boolean): Map<string, string> {
  const hosts = new Map([[serverName, "apex"]]);
  if (hasMail) hosts.set(`mail.${serverName}`, "mail");
  for (const app of appHosts) hosts.set(`${app}.${serverName}`, app);
  if (mode !== "production") for (const name of ["127.0.0.1", "localhost"]) hosts.set(name, "apex");
  return hosts;
}
