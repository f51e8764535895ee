/** More positions than are given out between a backup and its restore. */
const gap = 1_000_000_000;

/**
 * What changes when matrix.db is restored from a backup. Positions that were given out after it are noted as lost, and
 * never come again: a client that bears one gets everything anew. One-time keys may have been claimed since, and a
 * second claim of the same one could not be decrypted: the devices upload new ones. Blobs are copied after the
 * databases: those that no row needs are searched for. Unfinished uploads are in no backup: their clients begin anew.
 */
export const matrixAfterRestore = `
  INSERT INTO lost_positions (after, up_to) SELECT position, position + ${gap} FROM stream;
  UPDATE stream SET position = position + ${gap};
  DELETE FROM one_time_keys;
  UPDATE media_search SET wanted = 1;
  DELETE FROM media_resumable;
`;
