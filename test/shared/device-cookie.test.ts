import assert from "node:assert/strict";
import { test } from "node:test";

import { DEVICE_COOKIE, formatDeviceCookie, readDeviceCookie } from "../../shared/device-cookie.ts";

const value = `${"aZ09-_".repeat(7)}x`;

test("a device cookie is read of what sets it and of what sends it, and of nothing else", () => {
  const set = formatDeviceCookie(value);
  assert.equal(readDeviceCookie(set), value);
  // The prefix demands the first three (RFC 6265bis §4.1.3.2).
  for (const attribute of ["Secure", "Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=31536000"])
    assert.ok(set.includes(`; ${attribute}`), attribute);
  assert.doesNotMatch(set, /Domain/i);
  assert.equal(readDeviceCookie(`a=b; ${DEVICE_COOKIE}=${value};c=d`), value);
  for (const other of [
    null,
    undefined,
    "",
    `x${DEVICE_COOKIE}=${value}`,
    `${DEVICE_COOKIE}=${value}x`,
    `${DEVICE_COOKIE}=${value.slice(1)}`,
    `${DEVICE_COOKIE}="${value}"`,
    `a=${DEVICE_COOKIE}=${value}`,
    `${DEVICE_COOKIE.toLowerCase()}=${value}`,
  ])
    assert.equal(readDeviceCookie(other), undefined, String(other));
});
