// Results while somebody is typing, and the searches that this browser remembers. What is typed
// replaces its own address; what is committed, with Enter or by going on, stays in the history.

import { base, within } from "./base.js";
import { glance, onShow } from "./visit.js";

const PAUSE_MS = 120;
// As the style sheet has it: from here on facets are a column, and never folded.
const WIDE = "(min-width: 52rem)";
const LEAST_LETTERS = 2;
const KEPT = "searches";
const MOST_KEPT = 8;
let timer = 0;
let isFresh = true;

export function findAsTyped() {
  const box = document.getElementById("q");
  const said = document.createElement("p");
  said.className = "unseen";
  said.setAttribute("role", "status");
  document.body.append(said);
  box.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (!event.isComposing) timer = setTimeout(look, PAUSE_MS, box, said);
  });
  box.addEventListener("compositionend", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS, box, said);
  });
  addEventListener("submit", ({ target }) => {
    if (target === box.form) commit();
  }, true);
  addEventListener("click", ({ target }) => {
    if (target.closest?.(".hits a, .facets a")) commit();
  }, true);
  onShow((main) => {
    clearTimeout(timer);
    isFresh = true;
    showRecent(main.querySelector("[data-recent]"));
    const facets = main.querySelector(".facets");
    if (facets && matchMedia(WIDE).matches) facets.open = true;
  });
}

async function look(box, said) {
  const fields = asked(box.form);
  const isHere = within(location.pathname) === "/search";
  if (!isHere && box.value.trim().length < LEAST_LETTERS) return;
  const address = `${base}/search${fields.size ? `?${fields}` : ""}`;
  const isNew = isFresh;
  fields.set("unfinished", "true");
  const isShown = await glance(`${base}/search?${fields}`, address, !isHere || isNew);
  if (!isShown) return;
  isFresh = false;
  said.textContent = document.querySelector("main h1").textContent;
}

// Empty fields ask for nothing.
function asked(form) {
  const fields = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...fields]) if (!value.trim()) fields.delete(name);
  return fields;
}

function commit() {
  clearTimeout(timer);
  const fields = asked(document.getElementById("q").form);
  if (!fields.has("q")) return;
  const address = `${base}/search?${fields}`;
  keep([address, ...kept().filter((other) => other !== address)].slice(0, MOST_KEPT));
}

function showRecent(section) {
  const recent = kept();
  if (!section || !recent.length) return;
  section.querySelector("ul").replaceChildren(...recent.map((address) => {
    const link = Object.assign(document.createElement("a"), { href: address, textContent: named(address) });
    const line = document.createElement("li");
    line.append(link);
    return line;
  }));
  section.querySelector("button").addEventListener("click", () => {
    keep([]);
    section.hidden = true;
  });
  section.hidden = false;
}

function named(address) {
  const { q, folder, sort, ...chosen } = Object.fromEntries(new URL(address, location.href).searchParams);
  return [q, folder && `in ${folder}`, ...Object.values(chosen)].filter(Boolean).join(" · ");
}

// Where nothing may be stored, nothing is remembered.
function kept() {
  try {
    const list = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return list.filter((address) => typeof address === "string" && address.startsWith(`${base}/search?`));
  } catch {
    return [];
  }
}

function keep(list) {
  try {
    if (list.length) localStorage.setItem(KEPT, JSON.stringify(list));
    else localStorage.removeItem(KEPT);
  } catch {
    // As above.
  }
}
