import { MembersError, type OpenedSession } from "../../members/members.ts";
import type { RequestContext } from "../../http/request-context.ts";
import { oauthAnswer, oauthError, openToBrowsers } from "./answers.ts";
import type { ProviderAnswer } from "./ask-provider.ts";
import { readMatrixScope, stableScope } from "./matrix-scope.ts";
import type { OidcContext } from "./oidc-context.ts";

/**
 * What a Matrix client gets are the homeserver's own tokens, those of any session: so that they are judged, expire and
 * end in one place. The provider decides whether there is something to get; its own tokens are thrown away unseen.
 */
export async function openMatrixSession(
  oidc: OidcContext,
  context: RequestContext,
  answer: ProviderAnswer,
): Promise<Response | undefined> {
  const { AccessToken: token, Client: client } = answer.granted ?? {};
  const scope = readMatrixScope(token?.scope);
  if (!token || !client || !scope) return undefined;
  await token.destroy();
  const memberId = oidc.subjects.memberOf(token.accountId);
  const member = memberId === undefined ? undefined : oidc.members.get(memberId);
  if (!member) return oauthError(400, "invalid_grant", "the account is not there any more");
  const { deviceId } = scope;
  // First the note: a code that comes a second time must find what the first one opened.
  if (token.grantId !== undefined) {
    await oidc.openedDevices.note(token.grantId, { memberId: member.id, deviceId });
  }
  const opened = await open(() =>
    oidc.openMatrixSession(member, {
      deviceId,
      ...(client.clientName !== undefined && { displayName: client.clientName }),
      oauthClient: client.clientId,
      address: context.client.address,
    }),
  );
  if (opened instanceof Response) return opened;
  const { id_token: idToken } = JSON.parse(answer.body) as { id_token?: string };
  return oauthAnswer({
    ...describe(opened),
    scope: token.scope,
    ...(idToken !== undefined && { id_token: idToken }),
  });
}

/** RFC 6749 §6, by the homeserver's rules: the old pair stays good until the new one is first used. */
export async function refreshMatrixSession(
  oidc: OidcContext,
  refreshToken: string,
  clientId: string | null,
): Promise<Response> {
  const opened = await open(() => oidc.members.refresh(refreshToken, clientId ?? ""));
  if (opened instanceof Response) return opened;
  return oauthAnswer({ ...describe(opened), scope: stableScope(opened.deviceId) });
}

/**
 * RFC 7009, by either token: the session ends with its device, which is how a Matrix client signs out. The answer is
 * the same for a token that was never given (§2.2).
 */
export async function revokeMatrixSession(
  oidc: OidcContext,
  token: string,
  clientId: string | null,
): Promise<Response> {
  const owner = oidc.members.ownerOfToken(token);
  if (owner && owner.oauthClient === clientId && clientId !== null) {
    await oidc.members.endSession(owner.memberId, owner.deviceId);
  }
  return new Response(null, { status: 200, headers: { ...openToBrowsers, "cache-control": "no-store" } });
}

/** A code was sent a second time: whoever had it first may have stolen it, so what it opened ends. */
export async function endStolenSessions(oidc: OidcContext, { revokedGrants }: ProviderAnswer): Promise<void> {
  for (const grantId of revokedGrants) {
    const device = oidc.openedDevices.find(grantId);
    if (device) await oidc.members.endSession(device.memberId, device.deviceId);
  }
}

/** Whether the token is of a Matrix session: every token says what it is. */
export const isMatrixToken = (token: string): boolean => /^(?:bat|brt)_/.test(token);

const describe = ({ accessToken, refreshToken, expiresInMs }: OpenedSession): object => ({
  access_token: accessToken,
  token_type: "Bearer",
  ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  ...(expiresInMs !== undefined && { expires_in: Math.floor(expiresInMs / 1000) }),
});

async function open(work: () => Promise<OpenedSession>): Promise<OpenedSession | Response> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MembersError)) throw error;
    switch (error.code) {
      case "refresh-invalid":
        return oauthError(400, "invalid_grant", "the refresh token is not valid any more");
      case "locked":
      case "unknown-member":
        return oauthError(400, "invalid_grant", "the account is locked or gone");
      case "not-allowed":
        return oauthError(400, "invalid_scope", error.message);
      case "closed":
        return oauthError(503, "temporarily_unavailable", error.message);
      default:
        throw error;
    }
  }
}
