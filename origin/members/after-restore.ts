/**
 * What ends when members.db is restored from a backup: sessions, set-up links and invites of that time may have been
 * ended since, and whoever holds one must not find it good again. A session's device stays, and its tokens count as
 * expired: a client then asks for the password and keeps its keys. API keys and app passwords may have been revoked since,
 * too. Passkeys, authenticator apps and recovery codes are again those of that time: they open nothing by themselves
 * that the password of that time does not, and the day of a restore is often the day that they are needed.
 */
export const membersAfterRestore = `
  UPDATE tokens SET expires_at = 0, refresh_hash = NULL;
  DELETE FROM web_sessions;
  UPDATE members SET session_epoch = session_epoch + 1;
  DELETE FROM setup_tokens;
  DELETE FROM tickets;
  DELETE FROM approvals;
  UPDATE invites SET revoked_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
    WHERE revoked_at IS NULL AND uses < uses_allowed;
  UPDATE keys SET revoked_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE revoked_at IS NULL;
`;
