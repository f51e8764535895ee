import { type IdentityHeaders, isAdmitted, type ProxiedApp } from "../../config/proxied-app.ts";
import type { Identity } from "../../gate/identity.ts";
import type { Told } from "../../gate/proxy/request-fields.ts";

/**
 * What an app is told of who asks, names and values in turns; of nobody only the secret, by which it knows Burrow.
 * Names of members are of Matrix's grammar, so that each is fit for a field as it is.
 */
export function introduce(
  app: ProxiedApp,
  secret: string | undefined,
  serverName: string,
): (identity: Identity | undefined) => Told {
  const always = app.secret && secret !== undefined ? [app.secret.header, secret] : [];
  const { identity: headers } = app;
  return (identity) =>
    headers && identity ? [...always, ...fieldsOf(headers, identity, serverName)] : always;
}

function fieldsOf(headers: IdentityHeaders, identity: Identity, serverName: string): string[] {
  const groups = [...headers.members].filter(([, who]) => isAdmitted(who, identity)).map(([group]) => group);
  const values = [
    [headers.user, identity.name],
    [headers.name, identity.name],
    [headers.groups, groups.join(",")],
    [headers.email, `${identity.name}@${serverName}`],
  ] as const;
  return values.flatMap(([names, value]) => names.flatMap((name) => [name, value]));
}
