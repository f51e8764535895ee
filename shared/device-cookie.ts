/** The cookie by which a browser that has signed in before is known (row E3); it signs nobody in. */
export const DEVICE_COOKIE = "__Host-burrow-device";
/** How long a browser keeps it, in seconds. */
const MAX_AGE = 365 * 24 * 60 * 60;

const VALUE = new RegExp(`(?:^|;)\\s*${DEVICE_COOKIE}=([A-Za-z0-9_-]{43})(?=\\s*(?:;|$))`);

/** The device cookie's value in a `Cookie` or a `Set-Cookie` field, or undefined. */
export function readDeviceCookie(field: string | null | undefined): string | undefined {
  return VALUE.exec(field ?? "")?.[1];
}

/** The `Set-Cookie` field that gives a browser its device cookie; `value` is what `guesses.rememberDevice` made. */
export function formatDeviceCookie(value: string): string {
  return `${DEVICE_COOKIE}=${value}; Path=/; Max-Age=${MAX_AGE}; Secure; HttpOnly; SameSite=Lax`;
}
