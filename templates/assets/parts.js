// Parts of a page that follow what changes. Where somebody is at work, a part stays as it is.

import { read } from "./visit.js";

/** Exchanges each part that has become another one. */
export async function refreshParts() {
  const page = await read(location.href).catch(() => null);
  if (!page) return;
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || isAtWork(old)) continue;
    const focused = pressable(old).indexOf(document.activeElement);
    old.replaceWith(document.adoptNode(fresh));
    pressable(fresh)[focused]?.focus({ preventScroll: true });
  }
  document.title = page.title;
}

function pressable(part) {
  return [...part.querySelectorAll("a, button:not(.copy)")];
}

function isAtWork(part) {
  if (part.querySelector("details[open], input:focus, textarea:focus, summary:focus")) return true;
  return [...part.querySelectorAll("input, textarea")].some((field) =>
    field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
}
