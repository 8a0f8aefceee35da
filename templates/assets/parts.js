// Parts of a page that follow what changes. Where somebody is at work, a part stays as it is.

import { keepOpen, read } from "./visit.js";

/** Exchanges each part that has become another one; false if the server could not be asked. */
export async function refreshParts() {
  // Whoever types sees what comes of that; the rest comes when they are done.
  if (document.activeElement?.id === "q") return false;
  const asked = location.href;
  const page = await read(asked).catch(() => null);
  if (!page) return false;
  // Somebody has gone on to another page meanwhile.
  if (location.href !== asked) return true;
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    // What plays, or was scrolled, stays as long as the content does.
    const isSame = old.dataset.content !== undefined && old.dataset.content === fresh?.dataset.content;
    if (!fresh || isSame || isAtWork(old)) continue;
    const focused = pressable(old).indexOf(document.activeElement);
    keepOpen(old, fresh);
    old.replaceWith(document.adoptNode(fresh));
    pressable(fresh)[focused]?.focus({ preventScroll: true });
  }
  document.title = page.title;
  return true;
}

function pressable(part) {
  return [...part.querySelectorAll("a, button:not(.copy)")];
}

function isAtWork(part) {
  if (part.querySelector("details[open]:not([data-keep]), input:focus, textarea:focus, summary:focus")) return true;
  return [...part.querySelectorAll("input, textarea")].some((field) =>
    field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
}
