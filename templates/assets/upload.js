// Sending files: several at a time, each for itself, so that each has its own progress, its own
// receipt, and a failure costs nothing but itself.

import { forget, isKept, keep, NeedsLeave, newKey, note, open, takeOver } from "./kept.js";
import { pieceSize } from "./pieces.js";
import { whenSearchable } from "./searchable.js";
import { Stopped, Transfer } from "./transfer.js";
import { addRow, ask, onPauseAll, showPaused } from "./tray.js";
import { end, look } from "./tus.js";

// A browser has six connections to a server; one of them brings news, and one is for the person.
const AT_ONCE = 4;
// Large files take turns, or none of them would be done soon.
const LARGE_AT_ONCE = 2;
// Names that are asked about together.
const LOOKED_UP = 200;

const queue = [];
const running = new Set();
// Whatever is not over: also what is paused, or waits for somebody.
const unfinished = new Set();
// What an earlier page began and this one has no file of, at least not without being allowed to.
const stranded = new Set();
let asking = 0;
let paused = false;

/** Sends every { file, path } of a sequence into a folder; some have a `handle` to read them by. */
export async function upload(files, folder) {
  let batch = [];
  for await (const { file, handle, path } of files) {
    const { size = 0, lastModified = 0 } = file ?? {};
    batch.push({ key: newKey(), path, folder, ifPresent: "version", size, lastModified, url: null, paused: false, file, handle });
    if (batch.length === LOOKED_UP) {
      await admit(batch, folder);
      batch = [];
    }
  }
  if (batch.length) await admit(batch, folder);
}

/** Whether something would be lost if the page went. */
export function wouldLose() {
  return asking > 0 || [...unfinished].some(({ item }) => !isKept(item));
}

function isSending() {
  return running.size > 0 || queue.length > 0 || asking > 0;
}

onPauseAll((now) => {
  paused = now;
  if (paused) queue.length = 0;
  for (const job of unfinished) {
    if (paused) pause(job);
    else if (job.item.paused) again(job);
  }
});

const takenOver = takeOver().then((items) => {
  for (const item of items) if (!item.isSourced) offer(item);
  const whole = items.filter(({ isSourced }) => isSourced);
  paused = whole.length > 0 && whole.every((item) => item.paused);
  if (paused) showPaused();
  enqueue(whole);
});

// Names that are taken wait for a decision; all others are on their way meanwhile.
async function admit(chosen, folder) {
  asking += 1;
  await takenOver;
  const batch = chosen.filter((item) => !completes(item));
  const taken = await takenAmong(batch, folder);
  const inTheWay = batch.filter(({ path }) => taken.has(path.normalize("NFC")));
  const free = batch.filter((item) => !inTheWay.includes(item));
  enqueue(free);
  if (inTheWay.length === 0) {
    asking -= 1;
    return;
  }
  ask(inTheWay, (item, ifPresent) => {
    if (ifPresent !== "skip") enqueue([{ ...item, ifPresent }]);
  }, () => { asking -= 1; });
}

async function takenAmong(batch, folder) {
  try {
    const answer = await fetch("/api/v1/entries/lookup", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ folder, paths: batch.map(({ path }) => path) }),
    });
    if (answer.status === 400 && batch.length > 1) {
      // A name that no file can have is no reason not to ask about the others.
      const half = batch.length >> 1;
      const [first, second] = [batch.slice(0, half), batch.slice(half)].map((part) => takenAmong(part, folder));
      return new Set([...await first, ...await second]);
    }
    const { present } = await answer.json();
    const prefix = folder ? folder.replace(/\/$/, "").length + 1 : 0;
    return new Set(present.map(({ path }) => path.slice(prefix)));
  } catch {
    // Unknown: a taken name gets a new version, which loses nothing.
    return new Set();
  }
}

function enqueue(items) {
  for (const item of items) {
    const job = jobOf(item);
    unfinished.add(job);
    keep(item);
    item.paused ||= paused;
    if (item.paused) job.row.paused();
    else queue.push(job);
  }
  start();
}

function jobOf(item) {
  const job = { item };
  job.row = addRow(item.path, item.size, {
    pause: () => pause(job),
    resume: () => again(job),
    cancel: () => cancel(job),
  });
  return job;
}

// Shows half a file, unless all of it is there or nothing is any more.
async function offer(item) {
  const job = jobOf(item);
  job.row.wanted();
  stranded.add(job);
  try {
    const { offset, receipt } = await look(item.url, {});
    if (!stranded.has(job)) return;
    job.row.sent(offset);
    if (receipt) stored(job, receipt);
    else job.row.wanted();
  } catch (failure) {
    if (failure.isGone && stranded.has(job)) withdraw(job);
  }
}

function withdraw(job) {
  over(job);
  job.row.leave();
}

// Whether a file was chosen again that is stranded; then that goes on.
function completes({ file, handle, path, folder, size, lastModified }) {
  const job = [...stranded].find(({ item }) => file && item.path === path && item.folder === folder
    && item.size === size && item.lastModified === lastModified);
  if (!job) return false;
  withdraw(job);
  enqueue([{ ...job.item, file, handle }]);
  return true;
}

function start() {
  while (running.size < AT_ONCE) {
    const large = [...running].filter(isLarge).length;
    const at = queue.findIndex((job) => large < LARGE_AT_ONCE || !isLarge(job));
    if (at < 0) return;
    const [job] = queue.splice(at, 1);
    running.add(job);
    send(job).finally(() => {
      running.delete(job);
      start();
    });
  }
}

function isLarge({ item }) {
  return item.size > pieceSize();
}

async function send(job) {
  const { item, row } = job;
  try {
    item.file ??= await open(item);
    if (item.paused || job.cancelled) throw new Stopped();
    job.transfer ??= new Transfer(item, row);
    stored(job, await job.transfer.run());
  } catch (failure) {
    if (job.cancelled) return;
    if (failure instanceof Stopped) {
      if (item.paused) row.paused();
      else queue.unshift(job);
    } else if (failure instanceof NeedsLeave) {
      job.needsLeave = true;
      stranded.add(job);
      row.needsLeave();
    } else {
      // Of what cannot be read any more, nobody needs the other half.
      if (!item.file && item.url) end(item.url);
      over(job);
      row.failed(failure.message);
    }
  }
}

function stored(job, receipt) {
  over(job);
  job.row.stored(receipt);
  whenSearchable(receipt.id, receipt.sequence, job.row.searchable);
}

function over(job) {
  unfinished.delete(job);
  stranded.delete(job);
  forget(job.item);
}

function pause(job) {
  if (job.item.paused || job.needsLeave) return;
  job.item.paused = true;
  note(job.item);
  if (running.has(job)) {
    job.transfer?.pause();
    return;
  }
  remove(job);
  job.row.paused();
}

function again(job) {
  if (job.needsLeave) {
    askLeave(job);
    return;
  }
  if (!unfinished.has(job)) {
    unfinished.add(job);
    keep(job.item);
  }
  job.item.paused = false;
  note(job.item);
  job.row.queued();
  // One that is about to stop sees itself that it is to go on.
  if (!running.has(job)) queue.push(job);
  start();
}

// What is allowed for one file of a folder is allowed for all of them.
async function askLeave({ item }) {
  await item.handle.requestPermission({ mode: "read" }).catch(() => {});
  for (const job of unfinished) {
    if (!job.needsLeave) continue;
    job.needsLeave = false;
    stranded.delete(job);
    again(job);
  }
}

function cancel(job) {
  job.cancelled = true;
  job.transfer?.pause();
  if (job.item.url) end(job.item.url);
  over(job);
  remove(job);
}

function remove(job) {
  const at = queue.indexOf(job);
  if (at >= 0) queue.splice(at, 1);
}
