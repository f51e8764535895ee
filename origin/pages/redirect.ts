/** On to a page of this host, after a form or instead of a page; `path` has been judged (gate/next-path.ts). */
export function redirectTo(path: string, cookies: readonly string[] = []): Response {
  const response = new Response(null, {
    status: 303,
    headers: { location: path, "cache-control": "no-store" },
  });
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
}
