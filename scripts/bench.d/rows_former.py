"""This release against a former one: what both do, in turns, so that a machine that drifts does so for both."""

import time
import urllib.parse
from contextlib import ExitStack

import corpus
from report import Measured, compare, cost
from rows_index import SEARCH, found, from_outbox
from rows_redeploy import drained, release, under_load
from rows_start import IDLE_SECONDS, grown
from rows_transfer import DOWNLOAD_BODY, publish_small, put_small, send
from servers import running, start as started

# No more than 5 % worse, in what is better when it is higher.
AS_GOOD = 0.95
FORMER = "former release"


def upload_large(now, former):
    rounds = in_turns(now, former, now.rounds, lambda plan, number: uploaded(plan, send, plan.large_bytes, number))
    return lines(f"one {now.large_bytes >> 20} MiB upload", rounds, ("", "MB/s", "rate"))


def upload_small(now, former):
    rounds = in_turns(now, former, now.rounds, lambda plan, number: uploaded(plan, put_small, plan.small_files, f"r{number}"))
    work = f"{now.small_files:,} × 8 KiB uploads, 8 at once"
    peak = "… peak resident memory, indexing included"
    return lines(work, rounds, ("", "/s", "rate"), ("… p99 of one upload", "ms", "p99_ms"), (peak, "MiB", "peak"))


def uploaded(plan, load, *what):
    with running(plan, "wharfside") as server:
        return load(server, *what)


def download_large(now, former):
    with ExitStack() as stack:
        servers = {plan: stack.enter_context(running(plan, "wharfside")) for plan in (now, former)}
        for server in servers.values():
            server.load("send", target=server.files + "large.bin", bytes=now.large_bytes, seed=1)
            server.load("receive", target=server.files + "large.bin")
        rounds = in_turns(now, former, now.rounds * 3, lambda plan, _: received(servers[plan]))
    return lines(f"one {now.large_bytes >> 20} MiB download", rounds, ("", "MB/s", "rate"))


def received(server):
    figures = server.load("receive", target=server.files + "large.bin")
    return figures | {"rate": figures["bytes"] / 1e6 / figures["seconds"]}


def download_small(now, former):
    with ExitStack() as stack:
        servers = {plan: stack.enter_context(running(plan, "wharfside")) for plan in (now, former)}
        targets = {plan: publish_small(plan, server) for plan, server in servers.items()}

        def fetched(plan, _):
            options = {"targets": targets[plan], "connections": 32, "expect": DOWNLOAD_BODY}
            figures = servers[plan].load("get", seconds=plan.small_seconds, **options)
            return figures | {"rate": figures["answers"] / figures["seconds"]}

        in_turns(now, former, 1, fetched)
        rounds = in_turns(now, former, now.rounds, fetched)
    return lines("4 KiB downloads, 32 at once", rounds, ("", "/s", "rate"), ("… p99 of one download", "ms", "p99_ms"))


def index(now, former):
    rounds = in_turns(now, former, 1 if now.quick else 3, lambda plan, _: from_outbox(plan))
    return lines(f"indexing {now.documents:,} documents", rounds, ("", "docs/s", "rate"))


def searchable(now, former):
    full = in_turns(now, former, now.rounds, lambda plan, number: found(plan, f"f{number}", plan.small_files))
    steady = in_turns(now, former, now.rounds, lambda plan, number: found(plan, f"s{number}", plan.small_files // 2, rate=200))
    figures = [("p50", "ms", "searchable_p50_ms"), ("p99", "ms", "searchable_p99_ms")]
    at_full = lines("upload → searchable, 8 KiB uploads, 8 at once", full, *figures)
    paced = lines("… at 200 uploads a second", steady, *figures)
    return Measured(at_full.lines + paced.lines, at_full.costs + paced.costs)


def search(now, former):
    pairs = corpus.queries(now.queries, now.documents)
    targets = now.fresh("queries") / "targets.txt"
    targets.write_text("".join(f"{SEARCH}{urllib.parse.quote(query)}\n" for query, _ in pairs))
    with ExitStack() as stack:
        servers = {}
        for plan in (now, former):
            if not plan.indexed:
                from_outbox(plan)
            servers[plan] = stack.enter_context(running(plan, "wharfside", plan.indexed))
            servers[plan].settle()
        rounds = in_turns(now, former, now.rounds * 3, lambda plan, _: servers[plan].load("get", targets=targets, count=len(pairs)))
    work = f"search over {now.documents:,} documents, {now.queries} mixed queries"
    return lines(work, rounds, ("p50", "ms", "p50_ms"), ("p99", "ms", "p99_ms"))


def start(now, former):
    def ready(plan, _):
        directory = grown(plan)
        began = time.perf_counter()
        server = started(plan, "wharfside", directory)
        passed = (time.perf_counter() - began) * 1000
        try:
            time.sleep(IDLE_SECONDS)
            return {"ready_ms": passed, "idle_mib": server.resident_mib()}
        finally:
            server.stop()

    rounds = in_turns(now, former, now.rounds, ready)
    work = f"start to ready with {now.library_files:,} files"
    return lines(work, rounds, ("", "ms", "ready_ms"), ("… resident memory, idle", "MiB", "idle_mib"))


def redeploy(now, former):
    """Each release redeploys itself."""
    with ExitStack() as stack:
        serving = {plan: release(plan, grown(plan), "r0") for plan in (now, former)}
        stack.callback(lambda: [server.stop() for server in serving.values()])

        def redeployed(plan, number):
            serving[plan], figures = under_load(plan, grown(plan), serving[plan], drained, f"drained-{number}")
            return figures

        rounds = in_turns(now, former, now.rounds, redeployed)
    work = f"redeploy over {now.library_files:,} files"
    return lines(work, rounds, ("longest stall of a request", "ms", "stall_ms"), ("… start to ready beside the old one", "ms", "ready_ms"))


ROWS = {
    row.__name__.replace("_", "-"): row
    for row in (upload_large, upload_small, download_large, download_small, index, searchable, search, start, redeploy)
}


def in_turns(now, former, rounds, measure):
    """What `measure` says of both, round by round; who is first changes each time."""
    measured = {now: [], former: []}
    for number in range(rounds):
        for plan in (now, former) if number % 2 == 0 else (former, now):
            measured[plan].append(measure(plan, number))
    return measured[now], measured[former]


def lines(work, rounds, *figures):
    """A line for each of `figures`: what is said after the work, or in its place after "…"; unit; name."""
    now, former = rounds
    told = []
    for what, unit, figure in figures:
        title = what if what.startswith("…") else ", ".join(filter(None, (work, what)))
        lower_is_better = unit in ("ms", "MiB")
        told.append(compare(title, unit, now, former, FORMER, figure, AS_GOOD, lower_is_better=lower_is_better))
    timed = "seconds" in now[0] and "server_user" in now[0]
    return Measured(told, [cost(work, "wharfside", now), cost(work, FORMER, former)] if timed else [])
