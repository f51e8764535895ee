import { PROXIED_PREFIX } from "../../shared/hosts.ts";
import type { Mode } from "./config.ts";
import type { ProxiedApp } from "./proxied-app.ts";

/** Apps of ours with a host of their own, `NAME.<server name>`. `id` is where members sign in (G3). */
export const appHosts: readonly string[] = ["id", "mail"];

/** What else the apex host is called where there is no DNS. */
export function devHosts(mode: Mode): readonly string[] {
  return mode === "production" ? [] : ["127.0.0.1", "localhost"];
}

/** The app host of an app of somebody else's: no app of ours is called so. */
export function proxiedHost({ name }: Pick<ProxiedApp, "name">): string {
  return PROXIED_PREFIX + name;
}

/** The host of an app that is always there: `id.example.org` for `id`. */
export function hostNamed(hosts: ReadonlyMap<string, string>, app: string): string {
  const entry = [...hosts].find(([, name]) => name === app);
  if (!entry) throw new Error(`No host shows ${app}.`);
  return entry[0];
}

/** Public host (lower-case, no port) → app host. */
export function hostsOf(
  serverName: string,
  mode: Mode,
  options: { readonly hasMail: boolean; readonly apps: readonly ProxiedApp[] },
): Map<string, string> {
  const hosts = new Map([[serverName, "apex"]]);
  for (const app of appHosts) {
    if (app !== "mail" || options.hasMail) hosts.set(`${app}.${serverName}`, app);
  }
  for (const name of devHosts(mode)) hosts.set(name, "apex");
  for (const app of options.apps) hosts.set(app.host, proxiedHost(app));
  return hosts;
}
