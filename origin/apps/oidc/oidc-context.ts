import type { AppContext } from "../../app.ts";
import type { Pages } from "../../pages/pages.ts";
import type { Member, OpenedSession } from "../../members/members.ts";
import type { RateLimits } from "../../members/rate-limits.ts";
import type { OwnClients } from "./clients.ts";
import type { Standing } from "./standing.ts";
import type { Entries } from "./store/entries.ts";
import type { OpenedDevices } from "./store/opened-devices.ts";
import type { Subjects } from "./store/subjects.ts";

/** A Matrix session for a client, opened as the password opens one. Throws MembersError: not-allowed for a device id that is taken. */
export type OpenMatrixSession = (
  member: Member,
  device: { deviceId: string; displayName?: string; oauthClient: string; address: string },
) => Promise<OpenedSession>;

/** What the parts of this app share. */
export interface OidcContext
  extends Pick<AppContext, "config" | "log" | "members" | "gate" | "guesses" | "now"> {
  readonly issuer: string;
  readonly pages: Pages;
  readonly limits: RateLimits;
  readonly ownClients: OwnClients;
  readonly clientSecret: (clientId: string) => string | undefined;
  readonly entries: Entries;
  readonly subjects: Subjects;
  readonly openedDevices: OpenedDevices;
  readonly standing: Standing;
  readonly openMatrixSession: OpenMatrixSession;
}
