import type { Arrival, Delivery } from "../arriving/arrival.ts";
import type { MailContext } from "../mail-context.ts";

/** Files each message with the member whom it is for. */
export function createDelivery(_mail: MailContext): Delivery {
  return {
    async deliver(_arrival: Arrival, _settle): Promise<void> {
      throw new Error("to be built");
    },
  };
}
