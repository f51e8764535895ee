/** More changes than an account makes between a backup and its restore. */
const gap = 1_000_000_000;

/**
 * What changes when mail.db is restored from a backup. States that were given out after it must never come again with
 * another meaning: each account's sequence goes on from far above, and a client that bears one from between gets
 * everything anew. What happened to members is followed anew. Blobs are copied after the databases: those that no row needs are searched for.
 */
export const mailAfterRestore = `
  UPDATE accounts SET seq = seq + ${gap};
  INSERT INTO states (account, type, seq)
    SELECT id, type, seq FROM accounts, (SELECT DISTINCT type FROM states) WHERE true
    ON CONFLICT (account, type) DO UPDATE SET seq = excluded.seq;
  UPDATE followed SET member_change = 0;
  UPDATE mail_blob_search SET wanted = 1;
`;
