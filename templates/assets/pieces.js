// How large the pieces of a file are. A proxy may refuse large bodies (1 MiB is what many of them
// let through), and a bad line loses more of a large piece: so they begin small, grow while it
// goes well, and what is refused is remembered.

const LEAST = 64 << 10;
const FIRST = 1 << 20;
const MOST = 64 << 20;
// A piece that takes longer than this is large enough.
const LONG_MS = 4000;
const KEY = "wharfside.largest-piece";
const REMEMBERED_MS = 24 * 3600 * 1000;

let size = FIRST;
let ceiling = remembered();

/** Bytes of the next piece. */
export function pieceSize() {
  return Math.min(size, ceiling);
}

/** A piece of that many bytes went through. */
export function wentWell(bytes, tookMs) {
  if (bytes >= pieceSize() && tookMs < LONG_MS) size = Math.min(size * 2, ceiling, MOST);
}

/** A piece was lost on its way: the next ones are smaller for now. */
export function wasLost(bytes) {
  if (bytes > LEAST) size = Math.max(LEAST, bytes >> 1);
}

/** A piece of that many bytes is too large for something between here and the server. */
export function wasRefused(bytes) {
  ceiling = Math.max(LEAST, Math.min(ceiling, bytes >> 1));
  size = ceiling;
  try {
    localStorage.setItem(KEY, JSON.stringify({ ceiling, at: Date.now() }));
  } catch {
    // Without a memory it is found out again.
  }
}

function remembered() {
  try {
    const known = JSON.parse(localStorage.getItem(KEY));
    if (Date.now() - known.at < REMEMBERED_MS) return Math.max(LEAST, known.ceiling);
  } catch {
    // Nothing is remembered.
  }
  return MOST;
}
