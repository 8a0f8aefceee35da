// Choosing rows: by tick, by click, with Shift for all between, with the keyboard; and dragging
// what is chosen onto a folder.

import { within } from "./base.js";
import { exceptionName, exceptionOf, fill, tickAll, ticks } from "./blocks.js";

const ROW = "[data-row]";
const LINK = ".name a";
// Parts of a long list that are asked for at once.
const ASKED_AT_ONCE = 4;
// Where a range begins: a block of the list, and the name of a row in it, which may be out of sight.
let anchor;
// Keys are followed one after the other, because a row may have to be asked for first.
let moving = Promise.resolve();

export function chooseRows() {
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-everything]")) {
      chooseAll(target.checked);
    } else if (target.matches(".tick input")) {
      anchor = anchorAt(target.closest(ROW));
      tick(target, target.checked);
      tell();
    }
  });
  document.addEventListener("mousedown", (event) => {
    // Shift would mark the text between.
    if (event.shiftKey && event.target.closest(ROW)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest(ROW);
    const box = tickOf(row);
    if (!box || event.target.closest("a, button, summary, details, form .bar")) return;
    const onTick = event.target.closest(".tick");
    if (event.shiftKey && anchor?.block.isConnected) {
      event.preventDefault();
      chooseBetween(anchor, row);
    } else if (!onTick) {
      toggle(row);
    }
  });
  document.addEventListener("toggle", ({ target }) => {
    if (target.matches?.("[data-one]") && target.open) nameIt(target);
  }, true);
  // The first button of the form is none, so that Enter in a field presses that field's own.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches?.(".bar details input")) return;
    event.preventDefault();
    event.target.closest("details").querySelector("[name=do]").click();
  });
  acceptRows();
}

/** Opens the field for another name of what is chosen, or else of the row with the focus. */
export function rename() {
  const details = document.querySelector("[data-one]");
  if (!details) return false;
  if (!chosenRows().length && focusedRow()) toggle(focusedRow());
  if (chosenRows().length !== 1) return false;
  details.open = true;
  // The event of its opening may come later than the next key.
  nameIt(details);
  return true;
}

function nameIt(details) {
  const field = details.querySelector("input");
  // Whoever has begun to type goes on.
  if (document.activeElement === field) return;
  const row = document.querySelector(".tick input:checked")?.closest(ROW);
  if (!row) return;
  field.value = row.querySelector(LINK).textContent;
  field.focus();
  // What people change is what stands before the ending.
  const dot = field.value.lastIndexOf(".");
  field.setSelectionRange(0, dot > 0 && row.dataset.folder === undefined ? dot : field.value.length);
}

/** Says how many are chosen, and shows what can be done with them. */
export function tell() {
  const form = document.getElementById("selection");
  if (!form) return;
  const chosen = chosenRows().length;
  const all = everything();
  form.toggleAttribute("data-some", chosen > 0 || Boolean(all?.checked));
  const one = form.querySelector("[data-one]");
  if (one) one.hidden = chosen !== 1 || all.checked;
  const place = document.querySelector("[data-chosen]");
  if (!place) return;
  const but = exceptions().length;
  if (all?.checked) place.textContent = but ? `All chosen but ${but}` : "All chosen";
  else place.textContent = chosen === 1 ? "1 chosen" : `${chosen} chosen`;
}

function everything() {
  return document.querySelector("[data-everything]");
}

function exceptions() {
  return document.querySelectorAll("#selection [data-but]");
}

// Where everything is chosen, in sight or not, what is unticked is named instead of what is ticked.
function tick(box, checked) {
  box.checked = checked;
  if (!everything()?.checked) return;
  exceptionOf(box)?.remove();
  if (checked) return;
  const but = Object.assign(document.createElement("input"), { type: "hidden", name: exceptionName(box), value: box.value });
  but.dataset.but = "";
  document.getElementById("selection").append(but);
}

function anchorAt(row) {
  return { block: row.closest(".block") ?? row.parentElement, name: row.dataset.row };
}

function chosenRows() {
  return ticks(document.getElementById("main"));
}

export function chooseAll(choose) {
  for (const box of document.querySelectorAll(".tick input")) box.checked = choose;
  for (const but of exceptions()) but.remove();
  if (everything()) everything().checked = choose;
  if (!choose) for (const kept of document.querySelectorAll(".block > input[type=hidden]")) kept.remove();
  tell();
}

/** Whether there was something to take back. */
export function chooseNone() {
  const some = chosenRows().length > 0 || Boolean(everything()?.checked);
  if (some) chooseAll(false);
  return some;
}

// Of a long list most is out of sight, so it is asked for what lies between.
async function chooseBetween({ block, name }, row) {
  const [target, last] = [row.dataset.row, anchorAt(row).block];
  const blocks = [...document.querySelectorAll(".block")];
  const [from, to] = [block, last].map((end) => blocks.indexOf(end)).sort((a, b) => a - b);
  const bar = document.querySelector("#selection .bar");
  bar.inert = true;
  try {
    await Promise.all([fill(block), fill(last)]);
    const rows = [...new Set([blocks[from] ?? block, blocks[to] ?? last])].flatMap(rowsOf);
    const ends = [name, target].map((end) => rows.findIndex((one) => one.dataset.row === end)).sort((a, b) => a - b);
    for (const one of rows.slice(Math.max(0, ends[0]), ends[1] + 1)) if (tickOf(one)) tick(tickOf(one), true);
    for (let at = from + 1; at < to; at += ASKED_AT_ONCE) {
      await Promise.all(blocks.slice(at, Math.min(at + ASKED_AT_ONCE, to)).map(tickAll));
      tell();
    }
  } catch {
    // Half of a range is no range.
    chooseAll(false);
  } finally {
    bar.inert = false;
  }
  tell();
}

function rowsOf(block) {
  return [...block.querySelectorAll(ROW)];
}

function tickOf(row) {
  return row?.querySelector(".tick input");
}

/** The row that has the focus. */
export function focusedRow() {
  return document.activeElement?.closest?.(ROW);
}

/** Moves the focus among the rows; `extend` chooses what it passes. */
export function move(key, extend) {
  if (!document.querySelector(ROW)) return false;
  moving = moving.then(() => go(key, extend)).catch(() => {});
  return true;
}

async function go(key, extend) {
  const row = focusedRow();
  const next = row ? await beside(row, key) : document.querySelector(ROW);
  if (!next) return;
  next.querySelector(LINK).focus();
  if (!extend || !row) return;
  if (!anchor?.block.isConnected || !chosenRows().length) anchor = anchorAt(row);
  chooseAll(false);
  await chooseBetween(anchor, next);
}

// The row that a key leads to, which may have to be asked for.
async function beside(row, key) {
  if (key === "Home") return document.querySelector(ROW);
  const block = row.closest(".block");
  if (key === "End") {
    const last = block ? block.parentElement.lastElementChild : row.parentElement;
    await fill(last);
    return rowsOf(last).at(-1);
  }
  const way = key === "ArrowUp" || key === "ArrowLeft" ? -1 : 1;
  let rows = rowsOf(block ?? row.parentElement);
  const next = rows[step(rows, rows.indexOf(row), key)];
  const other = way < 0 ? block?.previousElementSibling : block?.nextElementSibling;
  if (next || !other?.matches(".block")) return next;
  await fill(other);
  rows = (way < 0 ? [other, block] : [block, other]).flatMap(rowsOf);
  return rows[step(rows, rows.indexOf(row), key)];
}

function step(rows, at, key) {
  if (key === "ArrowLeft" || key === "ArrowRight") return at + (key === "ArrowLeft" ? -1 : 1);
  const way = key === "ArrowUp" ? -1 : 1;
  const { left, top } = rows[at].getBoundingClientRect();
  // In a grid: the one above or below.
  for (let other = at + way; rows[other]; other += way) {
    const place = rows[other].getBoundingClientRect();
    if (place.top !== top && Math.abs(place.left - left) < 2) return other;
  }
  return -1;
}

export function toggle(row) {
  const box = tickOf(row);
  if (!box) return;
  tick(box, !box.checked);
  anchor = anchorAt(row);
  tell();
}

/** Presses a button of the bar for what is chosen, or else for the row with the focus. */
export function order(what) {
  const form = document.getElementById("selection");
  const button = form?.querySelector(`[name=do][value=${what}]`);
  if (!button) return false;
  const box = tickOf(focusedRow());
  if (!chosenRows().length && box) box.checked = true;
  if (!chosenRows().length) return false;
  form.requestSubmit(button);
  return true;
}

function acceptRows() {
  const kind = "application/x-wharfside-rows";
  const folderAt = (target) => {
    const row = target.closest?.("[data-folder]");
    if (row && row !== document.body) return { place: row, folder: row.dataset.folder };
    const crumb = target.closest?.(".crumbs a");
    if (!crumb) return null;
    const path = decodeURIComponent(within(crumb.pathname));
    return { place: crumb, folder: path.replace(/^\/(browse\/)?/, "") };
  };
  let over;
  const mark = (place) => {
    over?.classList.remove("over");
    over = place;
    over?.classList.add("over");
  };
  document.addEventListener("pointerdown", ({ target, pointerType }) => {
    const row = target.closest(ROW);
    if (row && pointerType === "mouse" && document.querySelector("#selection [name=to]")) row.draggable = true;
  });
  document.addEventListener("dragstart", (event) => {
    const row = event.target.closest?.(ROW);
    if (!row?.draggable) return;
    if (!tickOf(row).checked) {
      chooseAll(false);
      toggle(row);
    }
    event.dataTransfer.setData(kind, "");
    event.dataTransfer.effectAllowed = "move";
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes(kind)) return;
    const found = folderAt(event.target);
    mark(found?.place);
    if (found) event.preventDefault();
  });
  document.addEventListener("dragend", () => mark(null));
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.types.includes(kind)) return;
    const found = folderAt(event.target);
    mark(null);
    if (!found) return;
    event.preventDefault();
    document.querySelector("#selection [name=to]").value = found.folder;
    order("move");
  });
}
