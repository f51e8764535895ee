import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import type { JWTPayload } from "jose";

export const TEAM = "burrow-test.cloudflareaccess.com";
export const AUD = "a".repeat(64);
export const SERVICE_TOKEN = "88bf3b6d86161464f6509f7219099e57.access";

/** A stand-in for a team of Cloudflare Access: signs tokens, and publishes its keys on loopback. */
export interface AccessTeam {
  readonly certsUrl: string;
  /** How often the keys were asked for. */
  fetches(): number;
  /** What it answers from now on: its keys, or an error. */
  publish(what: "keys" | "nothing" | "no-json"): void;
  /** A token of ada's, good for an hour, with these claims instead; undefined leaves one out. */
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** Puts another key in the place of the published one. */
  rotate(): Promise<void>;
  /** Every token that must not let anybody in, by what is wrong with it. */
  badTokens(): Promise<readonly (readonly [label: string, jwt: string])[]>;
  stop(): Promise<void>;
}

export async function startAccessTeam(): Promise<AccessTeam> {
  let number = 0;
  let key = await makeKey(number);
  let published: "keys" | "nothing" | "no-json" = "keys";
  let fetches = 0;
  const server = createServer((_request, response) => {
    fetches += 1;
    if (published === "nothing") response.writeHead(503).end();
    else
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(published === "keys" ? JSON.stringify({ keys: [key.jwk] }) : "<html>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  async function sign(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
    return await new SignJWT(claimsOf(claims))
      .setProtectedHeader({ alg: "RS256", kid: key.jwk.kid, ...withoutAbsent(header) })
      .sign(key.privateKey);
  }

  return {
    certsUrl: `http://127.0.0.1:${port}/certs`,
    fetches: () => fetches,
    publish: (what) => void (published = what),
    sign,
    async rotate() {
      number += 1;
      key = await makeKey(number);
    },
    async badTokens() {
      const now = seconds();
      const stranger = await makeKey(0);
      const strangers = (kid: string | undefined): Promise<string> =>
        new SignJWT(claimsOf({}))
          .setProtectedHeader({ alg: "RS256", ...(kid && { kid }) })
          .sign(stranger.privateKey);
      const good = await sign();
      return [
        ["alg none", unsigned({ alg: "none", kid: key.jwk.kid }, claimsOf({}), "x")],
        ["HS256 under the public key as PEM", hmac(key.jwk.kid, await exportSPKI(key.publicKey))],
        ["HS256 under the modulus", hmac(key.jwk.kid, Buffer.from(key.jwk.n ?? "", "base64url"))],
        ["another's key under the known name", await strangers(key.jwk.kid)],
        ["an unknown key", await strangers("unknown")],
        ["no key named", await strangers(undefined)],
        ["wrong audience", await sign({ aud: ["b".repeat(64)] })],
        ["audience as a prefix", await sign({ aud: AUD.slice(1) })],
        ["no audience", await sign({ aud: undefined })],
        ["empty audience", await sign({ aud: [] })],
        ["wrong issuer", await sign({ iss: "https://other.cloudflareaccess.com" })],
        ["issuer with a slash", await sign({ iss: `https://${TEAM}/` })],
        ["no issuer", await sign({ iss: undefined })],
        ["expired", await sign({ exp: now - 60 })],
        ["no expiry", await sign({ exp: undefined })],
        ["not yet", await sign({ nbf: now + 600 })],
        ["of the team, not of an application", await sign({ type: "org" })],
        ["of nobody", await sign({ email: undefined })],
        ["a service token that is not listed", await sign({ email: undefined, common_name: "other.access" })],
        ["no token", "not-a-token"],
        ["altered", `${good.slice(0, -8)}AAAAAAAA`],
        ["too long", `${good.slice(0, good.lastIndexOf("."))}.${"a".repeat(9_000)}`],
        ["two in one field", `${good}, ${good}`],
        ["blank", " "],
      ];
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function makeKey(number: number) {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: `key-${number}`, alg: "RS256", use: "sig" };
  return { publicKey, privateKey, jwk };
}

function claimsOf(claims: Record<string, unknown>): JWTPayload {
  const now = seconds();
  const usual = {
    type: "app",
    aud: [AUD],
    iss: `https://${TEAM}`,
    email: "ada@example.org",
    sub: "7335d417-61da-459d-899c-0a01c76a2f94",
    iat: now - 1,
    nbf: now - 1,
    exp: now + 3_600,
  };
  return withoutAbsent({ ...usual, ...claims });
}

function withoutAbsent(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function hmac(kid: string, secret: string | Buffer): string {
  const body = unsigned({ alg: "HS256", kid }, claimsOf({}), "").slice(0, -1);
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

function unsigned(header: object, payload: object, signature: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(payload)}.${signature}`;
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
