"""Rows about text: indexing it, how soon it is found, and searching."""

import fcntl
import json
import sqlite3
import subprocess
import time
import urllib.parse
from contextlib import contextmanager

import corpus
import fetch
import machine
from report import Measured, compare, cost, limit
from servers import running

SEARCH = "/api/v1/search?limit=20&q="
# Ordered by `rank`, which FTS5 sorts by itself: any other order would have it cut snippets for rows it then drops.
FTS5 = """
    select rowid, name, snippet(documents, 1, '<mark>', '</mark>', '…', 24), rank
    from documents where documents match ? and rank match 'bm25(4.0, 1.0)' order by rank limit 20
"""


def index(plan):
    """A corpus that waits in the outbox, until all of it is searchable; against tantivy with nothing around it."""
    ours, once, often = [], [], []
    for _ in range(1 if plan.quick else 3):
        if plan.wharfside:
            ours.append(from_outbox(plan))
        once.append(bare(plan, 0))
        often.append(bare(plan, 1_000))
    work = f"indexing {plan.documents:,} documents"
    return Measured(
        [
            compare(work, "docs/s", ours, once, "bare tantivy, one commit", "rate", 0.7),
            compare(work, "docs/s", ours, often, "bare tantivy, a commit per 1,000", "rate", None),
        ],
        [cost(work, "wharfside", ours)] if ours else [],
    )


def from_outbox(plan):
    """Uploads everything while this process holds the indexer's lock, then lets go and times the rest."""
    directory = plan.fresh("wharfside-corpus")
    # A first start makes the library and with it the lock's file.
    with running(plan, "wharfside", directory) as server:
        server.settle()
        root = server.root
    with indexer_held_back(root) as let_go, running(plan, "wharfside", directory) as server:
        server.load("files", list=corpus.listing(plan.documents, server.files), connections=8)
        waiting = server.totals()["waiting"]
        if waiting < plan.documents:
            raise RuntimeError(f"only {waiting} of {plan.documents} documents waited in the outbox")
        figures = timed(server, let_go, plan.documents)
    plan.indexed = directory
    return figures


def timed(server, let_go, documents):
    user, system = machine.cpu_seconds(server.process.pid)
    began = time.perf_counter()
    let_go()
    server.settle()
    seconds = time.perf_counter() - began
    user_after, system_after = machine.cpu_seconds(server.process.pid)
    return {
        "seconds": seconds,
        "rate": documents / seconds,
        "server_user": user_after - user,
        "server_system": system_after - system,
        "client": 0.0,
    }


@contextmanager
def indexer_held_back(root):
    """Holds the lock that makes a process the indexer, as a second release would; yields what lets go of it."""
    (path,) = root.glob("indexer*.lock")
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(file, fcntl.LOCK_UN)


def bare(plan, commit_every):
    words = [fetch.bare_tantivy(), corpus.listing(plan.documents, "/"), plan.fresh("tantivy") / "index", commit_every]
    done = subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True)
    figures = json.loads(done.stdout)
    return figures | {"rate": figures["documents"] / figures["seconds"]}


def searchable(plan):
    """From an upload's answer until a search finds a word that only it contains: under a full and a steady load."""
    if not plan.wharfside:
        return Measured()
    full, steady = [], []
    for number in range(plan.rounds):
        full.append(found(plan, f"f{number}", plan.small_files))
        steady.append(found(plan, f"s{number}", plan.small_files // 2, rate=200))
    work = "upload → searchable, 8 KiB uploads, 8 at once"
    paced = "… at 200 uploads a second"
    return Measured(
        [
            limit(f"{work}, p50", "ms", full, "searchable_p50_ms", 300),
            limit(f"{work}, p99", "ms", full, "searchable_p99_ms", 1_000),
            limit(f"{paced}, p50", "ms", steady, "searchable_p50_ms", 300),
            limit(f"{paced}, p99", "ms", steady, "searchable_p99_ms", 1_000),
        ],
        [cost(work, "wharfside", full), cost(paced, "wharfside", steady)],
    )


def found(plan, tag, count, **pace):
    with running(plan, "wharfside") as server:
        return server.load(
            "put",
            prefix=server.files,
            count=count,
            size=8 * 1024,
            text=corpus.long_text(),
            tag=tag,
            connections=8,
            sample=max(1, count // 100),
            search="/api/v1/search?limit=1&q=",
            **pace,
        )


def search(plan):
    """Mixed queries one after the other: ours through HTTP, FTS5 inside this process without any."""
    pairs = corpus.queries(plan.queries, plan.documents)
    database = sqlite3.connect(corpus.fts5(plan.documents))
    database.execute("pragma mmap_size = 4294967296")
    fetch.used["SQLite (FTS5)"] = sqlite3.sqlite_version
    theirs, ours = [], []
    empty = sum(not database.execute(FTS5, [query]).fetchall() for _, query in pairs)
    work = f"search over {plan.documents:,} documents, {plan.queries} mixed queries"
    if not plan.wharfside:
        theirs = [ask_fts5(database, pairs) for _ in range(plan.rounds)]
        return Measured([compare(f"{work}, p99", "ms", ours, theirs, "FTS5 in process", "p99_ms", 2, lower_is_better=True)])
    with running(plan, "wharfside", indexed(plan)) as server:
        server.settle()
        targets = targets_of(plan, pairs)
        nothing = sum(total(server, target) == 0 for target in targets.read_text().splitlines())
        for _ in range(plan.rounds):
            ours.append(server.load("get", targets=targets, count=len(pairs)))
            theirs.append(ask_fts5(database, pairs))
    counts = f"{len(pairs) - nothing} find something; FTS5: {len(pairs) - empty}"
    return Measured(
        [
            limit(f"{work}, p50 ({counts})", "ms", ours, "p50_ms", 2),
            limit("… p99", "ms", ours, "p99_ms", 10),
            compare("… p50", "ms", ours, theirs, "FTS5 in process", "p50_ms", None, lower_is_better=True),
            compare("… p99", "ms", ours, theirs, "FTS5 in process", "p99_ms", 2, lower_is_better=True),
        ],
        [cost(work, "wharfside", ours)],
    )


def indexed(plan):
    """The directory of a library that holds the whole corpus, made once a run."""
    if not plan.indexed:
        from_outbox(plan)
    return plan.indexed


def targets_of(plan, pairs):
    """The file that lists the searches to ask for."""
    targets = plan.fresh("queries") / "targets.txt"
    targets.write_text("".join(f"{SEARCH}{urllib.parse.quote(query)}\n" for query, _ in pairs))
    return targets


def total(server, target):
    status, body = server.get(target)
    if status != 200:
        raise RuntimeError(f"{target} answered {status}")
    return json.loads(body)["total"]


def ask_fts5(database, pairs):
    times = []
    for _, query in pairs:
        began = time.perf_counter()
        database.execute(FTS5, [query]).fetchall()
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return {"p50_ms": times[len(times) // 2 - 1], "p99_ms": times[-(-99 * len(times) // 100) - 1]}
