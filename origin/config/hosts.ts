import type { Mode } from "./config.ts";

/** Apps with a host of their own, `NAME.<server name>`. `id` is where members sign in (G3). */
const appHosts: readonly string[] = ["id"];

/** Public host (lower-case, no port) → app host. */
export function hostsOf(serverName: string, mode: Mode, hasMail: boolean): Map<string, string> {
  const hosts = new Map([[serverName, "apex"]]);
  if (hasMail) hosts.set(`mail.${serverName}`, "mail");
  for (const app of appHosts) hosts.set(`${app}.${serverName}`, app);
  if (mode !== "production") for (const name of ["127.0.0.1", "localhost"]) hosts.set(name, "apex");
  return hosts;
}
