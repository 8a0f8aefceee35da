// Sending files: several at a time, each for itself, so that each has its own progress, its own
// receipt, and a failure costs nothing but itself.

import { base } from "./base.js";
import { forget, isKept, keep, NeedsLeave, newKey, note, open, takeOver } from "./kept.js";
import { pieceSize } from "./pieces.js";
import { whenSearchable } from "./searchable.js";
import { Stopped, Transfer } from "./transfer.js";
import { addRow, ask, offerAgain, onPauseAll, showPaused } from "./tray.js";
import { end, look } from "./tus.js";

// A browser has six connections to a server; one of them brings news, and one is for the person.
const AT_ONCE = 4;
// Large files take turns, or none of them would be done soon.
const LARGE_AT_ONCE = 2;
// Names that are asked about together.
const LOOKED_UP = 200;
const ASKED_AGAIN_MS = [500, 10_000];
const ANSWERED_MS = 60_000;

const queue = [];
const running = new Set();
// Whatever is not over: also what is paused, or waits for somebody.
const unfinished = new Set();
// What an earlier page began and this one has no file of, at least not without being allowed to;
// by folder and path.
const stranded = new Map();
let asking = 0;
let paused = false;

/** Sends every { file, path } of a sequence into a folder; some have a `handle` to read them by. */
export async function upload(files, typed) {
  const folder = typed.trim().replace(/^\/+|\/+$/g, "");
  // A page of a link has an address of its own for what is dropped there.
  const door = document.body.dataset.uploads;
  // Some cameras and phones give every file the same name: all of them are kept.
  const firstOf = new Map();
  let batch = [];
  for await (const { file, handle, path, trouble } of files) {
    if (trouble) {
      complain(path, trouble);
      continue;
    }
    const { size = 0, lastModified = 0 } = file ?? {};
    const item = { key: newKey(), path, folder, door, ifPresent: "version", size, lastModified, url: null, paused: false, file, handle };
    const first = firstOf.get(path.normalize("NFC"));
    // Either may arrive first.
    if (first) first.ifPresent = item.ifPresent = "keep-both";
    else firstOf.set(path.normalize("NFC"), item);
    batch.push(item);
    if (batch.length === LOOKED_UP) {
      await admit(batch, folder);
      batch = [];
    }
  }
  if (batch.length) await admit(batch, folder);
}

// Of what nothing can be sent, only choosing it again may do better.
function complain(path, trouble) {
  addRow(path, 0, { pause() {}, resume() {}, cancel() {} }).failed(trouble, true);
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
  offerAll(items.filter(({ isSourced }) => !isSourced));
  const whole = items.filter(({ isSourced }) => isSourced);
  paused = whole.length > 0 && whole.every((item) => item.paused);
  if (paused) showPaused();
  enqueue(whole.filter(({ isUnasked }) => !isUnasked));
  const unasked = whole.filter(({ isUnasked }) => isUnasked);
  for (const folder of new Set(unasked.map((item) => item.folder))) {
    askLater(unasked.filter((item) => item.folder === folder), folder);
  }
});

// Names that are taken wait for a decision; all others are on their way meanwhile.
async function admit(chosen, folder) {
  asking += 1;
  await takenOver;
  const batch = chosen.filter((item) => !completes(item));
  // Nobody tells whoever sends by a link which names are taken: all files are kept.
  if (batch[0]?.door) {
    enqueue(batch);
    asking -= 1;
    return;
  }
  const taken = await takenAmong(batch, folder);
  if (taken) {
    enqueue(batch.filter((item) => !isAmong(taken, item)));
    askAbout(batch.filter((item) => isAmong(taken, item)));
  } else {
    askLater(batch, folder);
  }
  asking -= 1;
}

function askAbout(items) {
  if (items.length === 0) return;
  asking += 1;
  ask(items, (item, ifPresent) => {
    if (ifPresent !== "skip") enqueue([{ ...item, ifPresent: decided(item, ifPresent) }]);
  }, () => { asking -= 1; });
}

// The server is away: what was chosen is listed and kept until it can be asked.
async function askLater(items, folder) {
  let jobs = items.map((item) => {
    item.isUnasked = true;
    const job = admitted(item);
    if (!item.paused) job.row.waiting("The server cannot be reached.");
    return job;
  });
  let taken = null;
  for (let wait = ASKED_AGAIN_MS[0]; !taken; wait = Math.min(2 * wait, ASKED_AGAIN_MS[1])) {
    await pauseFor(wait * (0.5 + Math.random() / 2));
    jobs = jobs.filter(({ cancelled }) => !cancelled);
    if (jobs.length === 0) return;
    taken = await takenAmong(jobs.map(({ item }) => item), folder);
  }
  jobs = jobs.filter(({ cancelled }) => !cancelled);
  const inTheWay = jobs.filter(({ item }) => isAmong(taken, item));
  for (const job of jobs) {
    if (inTheWay.includes(job)) job.row.leave();
    else settled(job);
  }
  if (inTheWay.length === 0) return;
  // Until somebody decides, they are kept, and asked about by the next page if this one goes.
  ask(inTheWay.map(({ item }) => item), (item, ifPresent) => {
    const job = inTheWay.find((other) => other.item === item);
    if (ifPresent === "skip") {
      over(job);
    } else {
      item.ifPresent = decided(item, ifPresent);
      job.row = rowOf(job);
      settled(job);
    }
  }, () => {});
}

// A new version of what is there would hide the others that came by the same name.
function decided(item, ifPresent) {
  return item.ifPresent === "keep-both" ? "keep-both" : ifPresent;
}

function settled(job) {
  job.item.isUnasked = false;
  if (job.item.paused) {
    note(job.item);
    job.row.paused();
  } else {
    again(job);
  }
}

// Not beyond the moment in which the network is there again.
function pauseFor(ms) {
  return new Promise((done) => {
    setTimeout(done, ms);
    addEventListener("online", done, { once: true });
  });
}

function isAmong(taken, { path }) {
  return taken.has(path.normalize("NFC"));
}

// The paths of a batch that are taken; nothing if the server cannot be asked now.
async function takenAmong(batch, folder) {
  try {
    const answer = await fetch(`${base}/api/v1/entries/lookup`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ folder, paths: batch.map(({ path }) => path) }),
      signal: AbortSignal.timeout(ANSWERED_MS),
    });
    if (answer.status === 400 && batch.length > 1) {
      // A name that no file can have is no reason not to ask about the others.
      const half = batch.length >> 1;
      const [first, second] = await Promise.all([batch.slice(0, half), batch.slice(half)].map((part) => takenAmong(part, folder)));
      return first && second && new Set([...first, ...second]);
    }
    // What no file can be called is told by whoever is to store it.
    if (answer.status === 400) return new Set();
    const { present } = await answer.json();
    const prefix = folder ? folder.length + 1 : 0;
    return new Set(present.map(({ path }) => path.slice(prefix)));
  } catch {
    return null;
  }
}

function enqueue(items) {
  for (const item of items) {
    const job = admitted(item);
    if (!item.paused) queue.push(job);
  }
  start();
}

function admitted(item) {
  const job = jobOf(item);
  unfinished.add(job);
  item.paused ||= paused;
  keep(item);
  if (item.paused) job.row.paused();
  return job;
}

function jobOf(item) {
  const job = { item };
  job.row = rowOf(job);
  return job;
}

function rowOf(job) {
  return addRow(job.item.path, job.item.size, {
    pause: () => pause(job),
    resume: () => again(job),
    cancel: () => cancel(job),
  });
}

// Whoever left before their files were sent is told which to choose again.
function offerAll(items) {
  const jobs = items.map((item) => {
    const job = jobOf(item);
    job.row.wanted(item.url !== null);
    stranded.set(nameOf(item), job);
    return job;
  });
  for (const job of jobs) if (job.item.url) showProgress(job);
  if (jobs.length > 1) offerAgain(jobs.length, () => jobs.filter(isStranded).forEach(dismiss));
}

// How much of it is there already, unless all of it is, or nothing any more.
async function showProgress(job) {
  try {
    const { offset, receipt } = await look(job.item.url, {});
    if (!isStranded(job)) return;
    job.row.sent(offset);
    if (receipt) stored(job, receipt);
    else job.row.wanted(true);
  } catch (failure) {
    if (!failure.isGone || !isStranded(job)) return;
    job.item.url = null;
    note(job.item);
    job.row.wanted(false);
  }
}

function isStranded(job) {
  return stranded.get(nameOf(job.item)) === job;
}

function nameOf({ door = "", folder, path }) {
  return `${door}\n${folder}\n${path}`;
}

function withdraw(job) {
  over(job);
  job.row.leave();
}

// Whether a file was chosen again that is stranded; then that goes on, unless its name has to be
// asked about first.
function completes({ file, handle, door, path, folder, size, lastModified }) {
  const job = stranded.get(nameOf({ door, folder, path }));
  if (!job || !file || job.item.size !== size || job.item.lastModified !== lastModified) return false;
  withdraw(job);
  if (job.item.isUnasked || !job.item.url) return false;
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
      stranded.set(nameOf(item), job);
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
  if (job.item.door) {
    job.row.arrived(receipt);
    return;
  }
  job.row.stored(receipt);
  whenSearchable(receipt.id, receipt.sequence, job.row.searchable);
}

function over(job) {
  unfinished.delete(job);
  if (isStranded(job)) stranded.delete(nameOf(job.item));
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
  // It goes on as soon as the server could be asked.
  if (job.item.isUnasked) return;
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
    stranded.delete(nameOf(job.item));
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

function dismiss(job) {
  cancel(job);
  job.row.leave();
}

function remove(job) {
  const at = queue.indexOf(job);
  if (at >= 0) queue.splice(at, 1);
}
