import type { Context } from "hono";
import type { HttpEnv } from "../../http/request-context.ts";
import { ThrottledError } from "../../http/throttled-error.ts";
import { oauthError, tooMany } from "./answers.ts";
import { parseForm, readSmallBody } from "./form.ts";
import {
  endStolenSessions,
  isMatrixToken,
  openMatrixSession,
  refreshMatrixSession,
  revokeMatrixSession,
} from "./matrix-tokens.ts";
import type { OidcContext } from "./oidc-context.ts";
import type { AskProvider } from "./serve-provider.ts";

type Answerer = (
  form: URLSearchParams,
  body: Uint8Array,
) => Promise<{ response: Response; isWrong: boolean }>;

/** Codes and refresh tokens for tokens (RFC 6749 §3.2). */
export function answerToken(
  c: Context<HttpEnv>,
  oidc: OidcContext,
  askProvider: AskProvider,
): Promise<Response> {
  return answerForm(c, oidc, async (form, body) => {
    const refreshToken = form.get("refresh_token") ?? "";
    if (form.get("grant_type") === "refresh_token" && isMatrixToken(refreshToken)) {
      const response = await refreshMatrixSession(oidc, refreshToken, form.get("client_id"));
      return { response, isWrong: !response.ok };
    }
    const { answer, response } = await askProvider(c, body);
    await endStolenSessions(oidc, answer);
    const opened = await openMatrixSession(oidc, c.env.context, answer);
    return { response: opened ?? response, isWrong: isWrongSecret(answer.body) };
  });
}

/** RFC 7009. */
export function answerRevocation(
  c: Context<HttpEnv>,
  oidc: OidcContext,
  askProvider: AskProvider,
): Promise<Response> {
  return answerForm(c, oidc, async (form, body) => {
    const token = form.get("token") ?? "";
    if (isMatrixToken(token)) {
      return { response: await revokeMatrixSession(oidc, token, form.get("client_id")), isWrong: false };
    }
    const { answer, response } = await askProvider(c, body);
    return { response, isWrong: isWrongSecret(answer.body) };
  });
}

/** Both take a client's secret, and a token that may be a guess: one way in for both. */
async function answerForm(c: Context<HttpEnv>, oidc: OidcContext, answerer: Answerer): Promise<Response> {
  const body = await readSmallBody(c.req.raw);
  if (!body) return oauthError(413, "invalid_request", "the request is too long");
  const form = parseForm(c.req.raw, body);
  let answer: Response | undefined;
  const credential = [c.req.header("authorization"), ...form.values()].join("\n");
  try {
    await oidc.guesses.attempt(c.env.context, { kind: "client-secret", credential }, async () => {
      const { response, isWrong } = await answerer(form, body);
      answer = response;
      return isWrong ? undefined : response;
    });
  } catch (error) {
    // In the form that OAuth clients read, also in browsers.
    if (error instanceof ThrottledError) return tooMany(error.retryAfterMs);
    throw error;
  }
  if (!answer) throw new Error("A request for a token was answered by nobody.");
  return answer;
}

/** A device that waits for its person (`authorization_pending`) has tried nothing. */
function isWrongSecret(body: string): boolean {
  return /"error":"invalid_(?:client|grant)"/.test(body);
}
