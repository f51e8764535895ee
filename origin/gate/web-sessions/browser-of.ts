import type { RequestContext } from "../../http/request-context.ts";
import type { BrowserFacts } from "../../members/web-sessions/web-session.ts";

/** What is noted of a browser that signs in. */
export function browserOf({ client }: RequestContext, headers: Headers): BrowserFacts {
  return { host: client.host, userAgent: headers.get("user-agent") ?? "", address: client.address };
}
