import type { WebhookSource } from "@capsuled/contract";
import type { Delivery } from "./delivery.ts";

/** Characters of a delivery's id that are kept as they are. */
export const DELIVERY_ID_CHARS_MAX = 200;

/** What a delivery is about, by the names that a filter may use: the event, and for GitHub also `event.action`. None where it does not say. */
export function eventNamesOf(source: WebhookSource, delivery: Delivery): readonly string[] {
  switch (source) {
    case "github": {
      const event = delivery.header("x-github-event");
      if (event === undefined) return [];
      const action = textField(delivery.body, "action");
      return action === undefined ? [event] : [event, `${event}.${action}`];
    }
    case "shopify":
      return listOf(delivery.header("x-shopify-topic"));
    case "stripe":
    case "generic":
      return listOf(textField(delivery.body, "type"));
  }
}

/** What is the same in every attempt at one delivery; `null` where the sender gives nothing of the kind. */
export function deliveryIdOf(source: WebhookSource, delivery: Delivery): string | null {
  const id = idText(source, delivery);
  return id === undefined || id === "" ? null : id;
}

function idText(source: WebhookSource, delivery: Delivery): string | undefined {
  switch (source) {
    case "github":
      return delivery.header("x-github-delivery");
    case "shopify":
      return delivery.header("x-shopify-webhook-id");
    case "stripe":
      return textField(delivery.body, "id");
    case "generic":
      return delivery.header("webhook-id");
  }
}

function listOf(name: string | undefined): readonly string[] {
  return name === undefined ? [] : [name];
}

/** A text at the top of a JSON body. */
function textField(body: Uint8Array, name: string): string | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    const field: unknown = Reflect.get(value, name);
    return typeof field === "string" ? field : undefined;
  } catch {
    return undefined;
  }
}
