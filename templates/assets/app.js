// What every page gains from a script. Each part leaves the page as it was if it has no use.

import { addCopyButtons } from "./copy.js";
import { acceptFiles } from "./drop.js";
import { focusSearchOnSlash } from "./search.js";
import { whenSearchable } from "./searchable.js";

focusSearchOnSlash();
addCopyButtons();
acceptFiles();

for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;

for (const state of document.querySelectorAll("[data-searchable]")) {
  whenSearchable(Number(state.dataset.searchable), 0, () => {
    state.className = "mark good";
    state.textContent = "yes";
  });
}
