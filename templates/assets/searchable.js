// Waiting until stored files can be found.
//
// Changes become searchable in the order in which they were made, so one answer settles every
// file stored before the one that was asked about. Asking about the middle of those waiting
// needs few requests, however many there are.

const FIRST_DELAY = 150;
const LONGEST_DELAY = 5000;

const waiting = [];
let delay = FIRST_DELAY;
let timer = 0;

/** Calls `found` once the file is searchable. */
export function whenSearchable(id, sequence, found) {
  waiting.push({ id, sequence, found });
  waiting.sort((a, b) => a.sequence - b.sequence);
  delay = FIRST_DELAY;
  if (!timer) timer = setTimeout(look, delay);
}

async function look() {
  const at = Math.floor((waiting.length - 1) / 2);
  const settled = await isSettled(waiting[at]) ? waiting.splice(0, at + 1) : [];
  for (const { found } of settled) found();
  delay = settled.length ? FIRST_DELAY : Math.min(delay * 1.5, LONGEST_DELAY);
  timer = waiting.length ? setTimeout(look, delay) : 0;
}

async function isSettled({ id }) {
  try {
    const answer = await fetch(`/api/v1/entries/${id}`, { headers: { accept: "application/json" } });
    // A file that is gone by now will not be found later either.
    return answer.status === 404 || (answer.ok && (await answer.json()).searchable);
  } catch {
    return false;
  }
}
