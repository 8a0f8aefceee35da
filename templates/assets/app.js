// What every page gains from a script. Each part leaves the page as it was if it has no use.

import { layBlocks, refresh } from "./blocks.js";
import { chooseRows, tell } from "./choose.js";
import { addCopyButtons } from "./copy.js";
import { acceptFiles } from "./drop.js";
import { takeKeys } from "./keys.js";
import { onChanges, whenSearchable } from "./searchable.js";
import { followLinks, onShow } from "./visit.js";

// Many changes in a row are shown together.
const TOGETHER_MS = 400;
let refreshing = 0;

followLinks();
chooseRows();
takeKeys();
acceptFiles();
onShow((main) => {
  addCopyButtons();
  layBlocks(main);
  tell();
  for (const place of main.querySelectorAll("[data-origin]")) place.textContent = location.origin;
  for (const state of main.querySelectorAll("[data-searchable]")) {
    whenSearchable(0, Number(state.dataset.searchable), () => {
      state.className = "mark good";
      state.textContent = "yes";
    });
  }
});
onChanges((changes) => {
  if (refreshing || changes && !changes.some(isHere)) return;
  refreshing = setTimeout(async () => {
    await refresh();
    tell();
    refreshing = 0;
  }, TOGETHER_MS);
});

// Folders show what lies below them, so whatever is deeper counts as well.
function isHere({ path, left }) {
  const folder = document.body.dataset.folder;
  const within = (other) => !folder || other === folder || other.startsWith(`${folder}/`);
  return within(path) || left !== null && within(left);
}
