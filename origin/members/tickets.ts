import type { Database } from "../storage/database.ts";
import type { Members } from "./members.ts";
import { hashToken, makeToken } from "./tokens.ts";

export interface Tickets {
  readonly create: Members["createTicket"];
  readonly valid: Members["ticketValid"];
  readonly end: Members["endTicket"];
}

const lifetime = 60 * 60 * 1000;

/** What the command line shows to the daemon: that it could write it down here is its proof. */
export function createTickets(database: Database, now: () => number): Tickets {
  const insert = database.prepare("INSERT INTO tickets (hash, expires_at) VALUES (?, ?)");
  const expire = database.prepare("DELETE FROM tickets WHERE expires_at <= ? OR expires_at > ?");
  const select = database.prepare("SELECT 1 FROM tickets WHERE hash = ? AND expires_at > ?");
  const remove = database.prepare("DELETE FROM tickets WHERE hash = ?");
  return {
    create() {
      const ticket = makeToken("ticket");
      return database.write(() => {
        expire.run(now(), now() + lifetime);
        insert.run(hashToken(ticket), now() + lifetime);
        return ticket;
      });
    },
    valid: (ticket) => select.get(hashToken(ticket), now()) !== undefined,
    end: (ticket) => database.write(() => void remove.run(hashToken(ticket))),
  };
}
