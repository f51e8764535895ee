import type { Migration } from "../../../../storage/database.ts";

export const searchIndex: Migration = {
  name: "search index",
  sql: `
    -- Of each message, by its so, the words of its text (search/words.ts), each behind its room: "c:hello". Only which
    -- words a message has is kept, neither its text nor their order. What is taken out is overwritten on disk.
    CREATE VIRTUAL TABLE search_words USING fts5(
      words, content = '', columnsize = 0, detail = none, tokenize = "ascii tokenchars ':'"
    );
    INSERT INTO search_words (search_words, rank) VALUES ('secure-delete', 1);

    -- How far the events have been indexed. words: the version of the rules by which.
    CREATE TABLE search_mark (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      so INTEGER NOT NULL,
      words TEXT NOT NULL
    ) STRICT;
    INSERT INTO search_mark VALUES (1, 0, '');
  `,
};
