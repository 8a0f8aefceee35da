// Choosing rows: by tick, by click, with Shift for all between, with the keyboard; and dragging
// what is chosen onto a folder.

import { ticks } from "./blocks.js";

const ROW = "[data-row]";
const LINK = ".name a";
let anchor;

export function chooseRows() {
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-everything]")) {
      chooseAll(target.checked);
    } else if (target.matches(".tick input")) {
      anchor = target.closest(ROW);
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
    if (event.shiftKey && anchor?.isConnected) {
      event.preventDefault();
      chooseBetween(anchor, row);
    } else if (!onTick) {
      box.checked = !box.checked;
      anchor = row;
      tell();
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
  return true;
}

function nameIt(details) {
  const field = details.querySelector("input");
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
  // Everything is no more than it was before: what is not loaded is chosen by this box alone.
  const all = everything();
  if (all?.checked && (chosen === 0 || document.querySelector(".tick input:not(:checked)"))) all.checked = false;
  form.toggleAttribute("data-some", chosen > 0);
  const one = form.querySelector("[data-one]");
  if (one) one.hidden = chosen !== 1 || all.checked;
  const place = document.querySelector("[data-chosen]");
  if (!place) return;
  if (all?.checked) place.textContent = "All chosen";
  else place.textContent = chosen === 1 ? "1 chosen" : `${chosen} chosen`;
}

function everything() {
  return document.querySelector("[data-everything]");
}

function chosenRows() {
  return ticks(document.getElementById("main"));
}

export function chooseAll(choose) {
  for (const box of document.querySelectorAll(".tick input")) box.checked = choose;
  if (everything()) everything().checked = choose;
  if (!choose) for (const kept of document.querySelectorAll(".block > input[type=hidden]")) kept.remove();
  tell();
}

/** Whether there was something to take back. */
export function chooseNone() {
  const some = chosenRows().length > 0;
  if (some) chooseAll(false);
  return some;
}

function chooseBetween(from, to) {
  const rows = [...document.querySelectorAll(ROW)];
  const ends = [rows.indexOf(from), rows.indexOf(to)].sort((a, b) => a - b);
  for (const row of rows.slice(ends[0], ends[1] + 1)) {
    const box = tickOf(row);
    if (box) box.checked = true;
  }
  tell();
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
  const rows = [...document.querySelectorAll(ROW)];
  if (!rows.length) return false;
  const at = rows.indexOf(focusedRow());
  const next = rows[at < 0 ? 0 : step(rows, at, key)];
  if (!next) return false;
  if (extend && at >= 0) {
    if (!anchor?.isConnected || !chosenRows().length) anchor = rows[at];
    chooseAll(false);
    chooseBetween(anchor, next);
  }
  next.querySelector(LINK).focus();
  return true;
}

function step(rows, at, key) {
  if (key === "Home") return 0;
  if (key === "End") return rows.length - 1;
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
  box.checked = !box.checked;
  anchor = row;
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
    const path = decodeURIComponent(crumb.pathname);
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
