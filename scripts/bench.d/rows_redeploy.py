"""Rows about redeploys: what a client notices, and what a second process on the same directory costs."""

import http.client
import itertools
import signal
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import corpus
from report import Measured, compare, limit
from rows_start import grown
from servers import running, start

CLIENTS = 4
# Between two requests of one client: a steady, moderate load, so that a stall is the redeploy's and not a queue's.
PAUSE = 0.02
BODY = 8 * 1024
PATIENCE = 30
SMALL_CONNECTIONS = 8


def redeploy(plan):
    """Redeploys of a large library under load, old and new side by side; then stopped first, as without us."""
    if not plan.wharfside:
        return Measured()
    directory = grown(plan)
    rounds = {how: [] for how in (drained, killed, stopped_first)}
    old = release(plan, directory, "r0")
    try:
        for number in range(plan.rounds):
            for how, measured in rounds.items():
                old, figures = under_load(plan, directory, old, how, f"{how.__name__}-{number}")
                measured.append(figures)
    finally:
        old.stop()
    work = f"redeploy over {plan.library_files:,} files"
    return Measured(
        [
            limit(f"{work}: longest stall of a request", "ms", rounds[drained], "stall_ms", 250),
            limit("… failed requests", "", rounds[drained], "failed", 0),
            limit("… start to ready beside the old one", "ms", rounds[drained], "ready_ms", 500),
            limit("… index handed over after SIGTERM", "ms", rounds[drained], "handed_over_ms", 500),
            limit("… index taken over after SIGKILL", "ms", rounds[killed], "handed_over_ms", 2_000),
            limit("stopped first instead: longest stall", "ms", rounds[stopped_first], "stall_ms", None),
            limit("… failed requests", "", rounds[stopped_first], "failed", None),
        ]
    )


def two_writers(plan):
    """The small uploads once more: into one process, then the same number into two on one directory."""
    if not plan.wharfside:
        return Measured()
    alone, together = [], []
    for number in range(plan.rounds):
        with running(plan, "wharfside") as server:
            alone.append(put([server], plan.small_files, f"a{number}"))
        directory = plan.fresh("wharfside")
        with running(plan, "wharfside", directory) as one, running(plan, "wharfside", directory) as two:
            together.append(put([one, two], plan.small_files, f"t{number}"))
    work = f"{plan.small_files:,} × 8 KiB uploads into two processes, 8 at once"
    return Measured([compare(work, "/s", together, alone, "into one process", "rate", 0.8)])


def put(servers, count, tag):
    share = {"count": count // len(servers), "size": BODY, "text": corpus.long_text(), "connections": SMALL_CONNECTIONS // len(servers)}
    began = time.perf_counter()
    with ThreadPoolExecutor(len(servers)) as pool:
        loads = [
            pool.submit(server.load, "put", prefix=server.files, tag=f"{tag}-{number}", **share)
            for number, server in enumerate(servers)
        ]
        answers = sum(load.result()["answers"] for load in loads)
    seconds = time.perf_counter() - began
    servers[0].settle()
    return {"rate": answers / seconds}


def release(plan, directory, name, drain=2):
    return start(plan, "wharfside", directory, GIT_REV=name, DRAIN_SECONDS=drain)


def under_load(plan, directory, old, how, name):
    """Redeploys once with clients at work; the new release and what was measured."""
    clients = Clients(old, name)
    with clients:
        clients.wait_for(requests=CLIENTS * 10)
        new, ready_ms = how(plan, directory, old, name, clients)
        clients.wait_for(requests=CLIENTS * 10)
    figures = {"ready_ms": ready_ms, "stall_ms": clients.longest * 1000, "failed": clients.failed}
    if how is not stopped_first:
        figures["handed_over_ms"] = handed_over(new)
    return new, figures


def drained(plan, directory, old, name, clients):
    new, ready_ms = timed_start(plan, directory, name)
    clients.server = new
    old.stop()
    return new, ready_ms


def killed(plan, directory, old, name, clients):
    new, ready_ms = timed_start(plan, directory, name)
    clients.server = new
    # What was sent to the old one before the switch is answered first: here the hand-over counts.
    clients.wait_for(requests=CLIENTS * 2)
    old.process.send_signal(signal.SIGKILL)
    old.process.wait()
    return new, ready_ms


def stopped_first(plan, directory, old, name, clients):
    """What people do whose stores cannot be shared; the quickest case, with nothing to build or pull in between."""
    old.process.send_signal(signal.SIGINT)
    old.process.wait()
    new, ready_ms = timed_start(plan, directory, name)
    clients.server = new
    return new, ready_ms


def timed_start(plan, directory, name):
    began = time.perf_counter()
    new = release(plan, directory, name)
    return new, (time.perf_counter() - began) * 1000


def handed_over(server):
    """Milliseconds for which nobody indexed, from the ledger of the release that took over."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ledger = server.persistence()
        # The latest first: the one that was there before, until this one has its own.
        term, *earlier = ledger["lease"]
        if term["boot"] == ledger["boot"]["number"]:
            # Found free, if the other let go of it before this one first asked.
            return term["taken_ms"] - earlier[0]["released_ms"] if term["how"] == "free" else term["after_ms"]
        time.sleep(0.02)
    raise RuntimeError(f"{server.name} did not take the index over within {PATIENCE} s")


class Clients:
    """Threads that store, read, list and search; a request that fails is made again until it succeeds.

    `longest` is the longest time, in seconds, from wanting something until having it.
    """

    def __init__(self, server, tag):
        self.server = server
        self.longest = 0.0
        self.failed = 0
        self._tag = tag
        self._answered = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, requests):
        """Until so many more were answered."""
        enough = self._answered + requests
        deadline = time.monotonic() + PATIENCE
        while self._answered < enough:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no {requests} requests were answered in {PATIENCE} s")
            time.sleep(0.005)

    def _work(self, thread):
        text = corpus.long_text().read_bytes()
        body = text[thread * BODY : (thread + 1) * BODY]
        word = urllib.parse.quote(body.decode(errors="replace").split()[10])
        line = Line(self)
        for number in itertools.count():
            if self._over.is_set():
                return line.close()
            name = f"/api/v1/files/{self._tag}/{thread}/{number}.txt"
            for method, target, content in (
                ("PUT", name, b"%d " % number + body),
                ("GET", name, None),
                ("GET", "/", None),
                ("GET", f"/api/v1/search?limit=5&q={word}", None),
            ):
                self._insist(line, method, target, content)
                time.sleep(PAUSE)

    def _insist(self, line, method, target, content):
        began = time.perf_counter()
        while not line.ask(method, target, content):
            with self._lock:
                self.failed += 1
            if self._over.wait(0.005):
                return
        taken = time.perf_counter() - began
        with self._lock:
            self._answered += 1
            self.longest = max(self.longest, taken)


class Line:
    """One client's connection, to whatever server is the current one."""

    def __init__(self, clients):
        self._clients = clients
        self._server = None
        self._connection = None

    def ask(self, method, target, content):
        """Whether the request succeeded."""
        if self._server is not self._clients.server or self._connection is None:
            self.close()
            self._server = self._clients.server
            self._connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE)
        try:
            self._connection.request(method, target, body=content)
            answer = self._connection.getresponse()
            answer.read()
            return 200 <= answer.status < 300
        except (OSError, http.client.HTTPException):
            self.close()
            return False

    def close(self):
        if self._connection:
            self._connection.close()
        self._connection = None
