import { type AlertMessage, type AlertPort, AlertSendError } from "./ports.ts";

/** Sends a test message through every port, past the history. Resolves with what became of each. */
export async function sendTest(
  ports: readonly AlertPort[],
  time: number,
): Promise<{ port: string; error: string | null }[]> {
  const message: AlertMessage = {
    state: "test",
    id: "test",
    severity: "warning",
    title: "A test message",
    detail: "Alerts of this server arrive here.",
    raisedAt: time,
    clearedAt: null,
  };
  return await Promise.all(
    ports.map(async (port) => {
      try {
        await port.send(message);
        return { port: port.name, error: null };
      } catch (error) {
        if (!(error instanceof AlertSendError)) throw error;
        return { port: port.name, error: error.message };
      }
    }),
  );
}
