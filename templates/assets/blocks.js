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
  list.firstElementChild.filled = true;
  if (pages) pages.hidden = true;
  observer = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      target.near = isIntersecting;
      if (isIntersecting) setTimeout(() => target.near && fill(target), SETTLED_MS);
    }
  }, { rootMargin: NEAR });
  addBlocks();
}

// The list has become longer or shorter.
function fit(shown, { rows, step, start }) {
  for (const [name, value] of Object.entries({ rows, step, start })) {
    if (value === undefined) delete shown.dataset[name];
    else shown.dataset[name] = value;
  }
  if (rows && shown !== list) {
    layBlocks(document.getElementById("main"));
    return;
  }
  const wanted = rows ? Math.ceil(rows / step) : 1;
  while (shown.childElementCount > wanted) {
    full = full.filter((block) => block !== shown.lastElementChild);
    shown.lastElementChild.remove();
  }
  if (rows && observer) addBlocks(shown.childElementCount * step);
  // A short list is one block, to be laid anew when it grows again.
  if (!rows) list = null;
}

function addBlocks(from = Number(list.dataset.step)) {
  const { rows, step } = list.dataset;
  const height = list.firstElementChild.offsetHeight;
  const blocks = [];
  for (let offset = from; offset < rows; offset += Number(step)) {
    const block = document.createElement("div");
    block.className = "block";
    block.dataset.offset = offset;
    block.style.height = `${height * Math.min(1, (rows - offset) / step)}px`;
    blocks.push(block);
  }
  list.append(...blocks);
  for (const block of blocks) observer.observe(block);
}

/** Settles once a block is filled, or cannot be. */
export function fill(block, again = false) {
  if (block.filled && !again) return block.filling;
  block.filling ||= load(block).finally(() => { block.filling = null; });
  return block.filling;
}

async function load(block) {
  try {
    const fresh = await fetched(block);
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
  }
}

async function fetched({ dataset: { offset } }) {
  const { start } = list.dataset;
  const page = await read(`${start}${start.includes("?") ? "&" : "?"}offset=${offset}`);
  return page?.querySelector(".block");
}

/** Ticks all rows of a block, in sight or not.
    @throws if they cannot be had */
export async function tickAll(block) {
  const fresh = block.filled || !block.dataset.offset ? null : await fetched(block);
  if (!fresh || block.filled) {
    for (const box of block.querySelectorAll(".tick input")) box.checked = true;
  } else {
    hide(block, Array.from(fresh.querySelectorAll(".tick input"), ({ name, value }) => [name, value]));
  }
}

// What is ticked out of sight.
function hide(block, ticked) {
  block.replaceChildren(...ticked.map(([name, value]) => Object.assign(document.createElement("input"), { type: "hidden", name, value })));
}

function empty(blocks) {
  for (const block of blocks) {
    if (block.contains(document.activeElement)) continue;
    block.style.height = `${block.offsetHeight}px`;
    // What was ticked in it stays ticked.
    hide(block, ticks(block));
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
  for (const box of element.querySelectorAll(".tick input")) {
    box.checked = !exceptionOf(box);
  }
}

/** Under what name a form says that this row is none of everything. */
export function exceptionName(box) {
  return box.name === "folder" ? "butfolder" : "but";
}

/** Where it says so, if it does. */
export function exceptionOf(box) {
  return document.querySelector(`[data-but][name=${exceptionName(box)}][value="${CSS.escape(box.value)}"]`);
}

/** Shows what the list holds now, without moving anything else; false if the server could not be
    asked. */
export async function refresh() {
  const listing = document.getElementById("listing");
  if (!listing) return true;
  const page = await read(location.href).catch(() => null);
  if (!page) return false;
  const fresh = page.getElementById("listing");
  if (!fresh || !listing.isConnected) return true;
  const old = listing.querySelector(".block");
  const first = fresh.querySelector(".block");
  const freshList = first?.parentElement;
  if (!old || !first) {
    listing.replaceWith(document.adoptNode(fresh));
    layBlocks(document.getElementById("main"));
    return true;
  }
  // Somebody is asked whether he is sure; it is looked again later.
  if (old.querySelector("details[open]")) return false;
  const ticked = ticks(old);
  const focused = document.activeElement?.closest("[data-row]")?.dataset.row;
  old.replaceChildren(...first.childNodes);
  retick(old, ticked);
  const ways = listing.querySelector(".ways");
  const freshWays = fresh.querySelector(".ways");
  if (ways && freshWays && !ways.contains(document.activeElement)) ways.replaceWith(document.adoptNode(freshWays));
  const pages = listing.querySelector("nav.pages");
  if (!pages?.hidden) {
    pages?.remove();
    const further = fresh.querySelector("nav.pages");
    if (further) listing.append(document.adoptNode(further));
  }
  if (freshList.matches(".blocks")) fit(old.parentElement, freshList.dataset);
  if (focused) rowCalled(focused)?.querySelector(".name a").focus({ preventScroll: true });
  for (const block of [...full]) fill(block, true);
  return true;
}

export function rowCalled(name) {
  return document.querySelector(`[data-row="${CSS.escape(name)}"]`);
}
