// Everything is one key away; "?" shows which.

import { chooseAll, chooseNone, focusedRow, move, order, rename, toggle } from "./choose.js";
import { pick } from "./drop.js";
import { peek } from "./peek.js";

const KEYS = [
  ["/", "search"],
  ["u", "upload files"],
  ["↑ ↓", "go through the list; with Shift, choose"],
  ["Enter", "open"],
  ["Space", "preview"],
  ["x", "choose, or not"],
  ["Ctrl A", "choose everything in the list"],
  ["F2", "rename"],
  ["Delete", "move to the trash"],
  ["Ctrl Z", "undo that"],
  ["Esc", "choose nothing; close"],
  ["?", "this list"],
];
const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"];

export function takeKeys() {
  addHelpButton();
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.target.id === "q" && event.key === "Escape") event.target.blur();
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const control = event.ctrlKey || event.metaKey;
    if (event.altKey) return;
    if (act(control ? `^${event.key.toLowerCase()}` : event.key, event)) event.preventDefault();
  });
}

function act(key, { shiftKey, target }) {
  if (ARROWS.includes(key)) {
    const isList = focusedRow() || key === "ArrowDown" && target === document.body || target.id === "main";
    return isList && (key !== "Home" && key !== "End" || Boolean(focusedRow())) && move(key, shiftKey);
  }
  switch (key) {
    case "/": return focusSearch();
    case "u": return pick(), true;
    case " ": return focusedRow() ? peek(focusedRow()) : false;
    case "x": return focusedRow() ? (toggle(focusedRow()), true) : false;
    case "^a": return document.querySelector(".tick") ? (chooseAll(true), true) : false;
    case "^z": return undo();
    case "F2": return rename();
    case "Delete": return order("trash");
    case "Escape": return chooseNone();
    case "?": return help();
    default: return false;
  }
}

function focusSearch() {
  const box = document.getElementById("q");
  box.focus();
  box.select();
  return true;
}

function undo() {
  const button = document.querySelector(".notice form button");
  button?.click();
  return Boolean(button);
}

function help() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Keyboard shortcuts");
  const list = document.createElement("dl");
  list.className = "keys";
  for (const [key, what] of KEYS) {
    const line = document.createElement("div");
    const name = document.createElement("dt");
    name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    line.append(name, Object.assign(document.createElement("dd"), { textContent: what }));
    list.append(line);
  }
  const close = Object.assign(document.createElement("button"), { textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  dialog.append(Object.assign(document.createElement("h2"), { textContent: "Keyboard shortcuts" }), list, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return true;
}

function addHelpButton() {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Keyboard shortcuts" });
  button.addEventListener("click", help);
  document.querySelector(".bottom").append(button);
}

function isTyping(element) {
  return element.isContentEditable || element.matches("input:not([type=checkbox], [type=file]), textarea, select");
}
