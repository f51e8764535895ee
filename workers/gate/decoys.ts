import type { DecoyKind } from "../../shared/scanner-rules.ts";

interface Decoy {
  readonly type: string;
  readonly body: (canary: string) => string;
}

const PLAIN = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";

/** Made up throughout: the only thing in them that means anything is the canary, which tells us where it was read. */
const DECOYS: Readonly<Record<DecoyKind, Decoy>> = {
  env: {
    type: PLAIN,
    body: (canary) =>
      `APP_NAME=Portal\nAPP_ENV=production\nAPP_DEBUG=false\nDB_CONNECTION=mysql\nDB_HOST=127.0.0.1\nDB_PORT=3306\n` +
      `DB_DATABASE=portal\nDB_USERNAME=portal\nDB_PASSWORD=${canary.toLowerCase()}\nAWS_ACCESS_KEY_ID=AKIA${canary}\n` +
      `AWS_DEFAULT_REGION=eu-central-1\nMAIL_MAILER=smtp\n`,
  },
  aws: {
    type: PLAIN,
    body: (canary) => `[default]\naws_access_key_id = AKIA${canary}\nregion = eu-central-1\n`,
  },
  git: {
    type: PLAIN,
    body: (canary) =>
      `[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n[remote "origin"]\n` +
      `\turl = https://deploy:${canary.toLowerCase()}@git.example.net/portal.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`,
  },
  "wp-config": {
    type: PLAIN,
    body: (canary) =>
      `<?php\ndefine( 'DB_NAME', 'wordpress' );\ndefine( 'DB_USER', 'wordpress' );\n` +
      `define( 'DB_PASSWORD', '${canary.toLowerCase()}' );\ndefine( 'DB_HOST', 'localhost' );\n$table_prefix = 'wp_';\n`,
  },
  "wp-login": {
    type: HTML,
    body: () => signInPage("Log In &lsaquo; Blog &#8212; WordPress", "loginform", "log", "pwd", "Log In"),
  },
  phpmyadmin: {
    type: HTML,
    body: () => signInPage("phpMyAdmin", "login_form", "pma_username", "pma_password", "Log in"),
  },
  sql: {
    type: PLAIN,
    body: (canary) =>
      `-- MySQL dump 10.13  Distrib 8.0.36\n--\n-- Host: localhost    Database: portal\nCREATE TABLE \`users\` (\n` +
      `  \`id\` int NOT NULL AUTO_INCREMENT,\n  \`login\` varchar(60) NOT NULL,\n  \`api_key\` varchar(64) NOT NULL,\n` +
      `  PRIMARY KEY (\`id\`)\n);\nINSERT INTO \`users\` VALUES (1,'admin','${canary.toLowerCase()}');\n`,
  },
};

/** The decoy as a response with this canary in it. What it pretends to be has no name, address or key of anybody's. */
export function showDecoy(kind: DecoyKind, canary: string, method: string): Response {
  const { type, body } = DECOYS[kind];
  return new Response(method === "HEAD" ? null : body(canary), { headers: { "content-type": type } });
}

/** Takes any password and lets nobody in: without a script, and the policy of the edge forbids it to be sent anywhere. */
function signInPage(title: string, id: string, user: string, password: string, submit: string): string {
  return (
    `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>${title}</title></head>\n<body>\n` +
    `<form id="${id}" method="post">\n<p><label>Username <input name="${user}" autocomplete="off"></label></p>\n` +
    `<p><label>Password <input name="${password}" type="password" autocomplete="off"></label></p>\n` +
    `<p><button>${submit}</button></p>\n</form>\n</body>\n</html>\n`
  );
}
