// Long lists: the page comes with their beginning, and the rest stands as empty blocks of the
// right height, so that the scroll bar tells the truth. A block is filled when it comes near the
// screen and emptied when it is far away again: a hundred thousand rows cost no more than a few.

import { read } from "./visit.js";

const NEAR = "1200px";
const MOST_FULL = 30;
// Who scrolls past at speed does not look.
const SETTLED_MS = 100;

let list;
let observer;
let full = [];

/** Lays the blocks out that belong to the page's list. */
export function layBlocks(main) {
  observer?.disconnect();
  full = [];
  list = main.querySelector(".blocks[data-rows]");
  const pages = main.querySelector("nav.pages");
  // A page from the middle, asked for by its address, stays as it is.
  if (!list || /[?&](cursor|offset)=/.test(location.search)) return;
  if (pages) pages.hidden = true;
  observer = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      target.near = isIntersecting;
      if (isIntersecting) setTimeout(() => target.near && fill(target), SETTLED_MS);
    }
  }, { rootMargin: NEAR });
  addBlocks();
}

function addBlocks() {
  const { rows, step } = list.dataset;
  const height = list.firstElementChild.offsetHeight;
  const blocks = [];
  for (let offset = Number(step); offset < rows; offset += Number(step)) {
    const block = document.createElement("div");
    block.className = "block";
    block.dataset.offset = offset;
    block.style.height = `${height * Math.min(1, (rows - offset) / step)}px`;
    blocks.push(block);
  }
  list.append(...blocks);
  for (const block of blocks) observer.observe(block);
}

async function fill(block, again = false) {
  if ((block.filled && !again) || block.filling) return;
  block.filling = true;
  try {
    const { start } = list.dataset;
    const page = await read(`${start}${start.includes("?") ? "&" : "?"}offset=${block.dataset.offset}`);
    const fresh = page?.querySelector(".block");
    if (!fresh || !block.isConnected) return;
    const ticked = ticks(block);
    block.replaceChildren(...fresh.childNodes);
    block.style.height = "";
    retick(block, ticked);
    if (!block.filled) full.push(block);
    block.filled = true;
    empty(full.filter((other) => !other.near).slice(0, Math.max(0, full.length - MOST_FULL)));
  } catch {
    // It is filled when somebody comes near again.
  } finally {
    block.filling = false;
  }
}

function empty(blocks) {
  for (const block of blocks) {
    if (block.contains(document.activeElement)) continue;
    block.style.height = `${block.offsetHeight}px`;
    // What was ticked in it stays ticked.
    block.replaceChildren(...ticks(block).map(([name, value]) => Object.assign(document.createElement("input"), { type: "hidden", name, value })));
    block.filled = false;
    full.splice(full.indexOf(block), 1);
  }
}

/** What is ticked inside an element, in sight or not, as pairs of name and value. */
export function ticks(element) {
  const found = element.querySelectorAll(".tick input:checked, .block > input[type=hidden]");
  return Array.from(found, ({ name, value }) => [name, value]);
}

function retick(element, ticked) {
  for (const [name, value] of ticked) {
    const box = element.querySelector(`.tick input[name="${name}"][value="${CSS.escape(value)}"]`);
    if (box) box.checked = true;
  }
  if (!document.querySelector("[data-everything]")?.checked) return;
  for (const box of element.querySelectorAll(".tick input")) box.checked = true;
}

/** Shows what the list holds now, without moving anything else. */
export async function refresh() {
  const listing = document.getElementById("listing");
  if (!listing) return;
  const page = await read(location.href).catch(() => null);
  const fresh = page?.getElementById("listing");
  if (!fresh || !listing.isConnected) return;
  const old = listing.querySelector(".block");
  const first = fresh.querySelector(".block");
  const length = (place) => place.querySelector(".blocks")?.dataset.rows;
  if (!old || !first || length(listing) !== length(fresh) && !(length(listing) && length(fresh))) {
    listing.replaceWith(document.adoptNode(fresh));
    layBlocks(document.getElementById("main"));
    return;
  }
  // Somebody is asked whether he is sure.
  if (old.querySelector("details[open]")) return;
  const ticked = ticks(old);
  const focused = document.activeElement?.closest("[data-row]")?.dataset.row;
  old.replaceChildren(...first.childNodes);
  retick(old, ticked);
  const count = fresh.querySelector(".ways .count");
  if (count) listing.querySelector(".ways .count")?.replaceWith(count);
  const pages = listing.querySelector("nav.pages");
  if (!pages?.hidden) {
    pages?.remove();
    const further = fresh.querySelector("nav.pages");
    if (further) listing.append(document.adoptNode(further));
  }
  if (focused) rowCalled(focused)?.querySelector(".name a").focus({ preventScroll: true });
  for (const block of [...full]) fill(block, true);
}

export function rowCalled(name) {
  return document.querySelector(`[data-row="${CSS.escape(name)}"]`);
}
