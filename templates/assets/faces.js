// A picture that is not there, in a grid: the ending of the file stands in its place.

document.addEventListener("error", ({ target }) => {
  if (target.matches?.(".face img")) giveUp(target);
}, true);

/** Looks for pictures that were given up before anybody listened. */
export function mendFaces(main) {
  for (const image of main.querySelectorAll(".face img[src*='/thumbnail/']")) {
    if (image.complete && !image.naturalWidth) giveUp(image);
  }
}

function giveUp(image) {
  image.replaceWith(image.dataset.ending);
}
