"""This release against a former one: what both do, in turns, so that a machine that drifts does so for both."""

import shutil
from contextlib import ExitStack, contextmanager

import corpus
from report import Measured, compare, cost
from rows_index import found, from_outbox, indexed, targets_of
from rows_redeploy import drained, release, under_load
from rows_start import grown, ready
from rows_transfer import get_small, publish_large, publish_small, put_small, receive, send
from servers import running

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
    with both(now, former) as servers:
        for plan, server in servers.items():
            publish_large(plan, server)
        rounds = in_turns(now, former, now.rounds * 3, lambda plan, _: receive(servers[plan]))
    return lines(f"one {now.large_bytes >> 20} MiB download", rounds, ("", "MB/s", "rate"))


def download_small(now, former):
    with both(now, former) as servers:
        targets = {plan: publish_small(plan, server) for plan, server in servers.items()}
        # The first round only warms up.
        rounds = in_turns(now, former, now.rounds + 1, lambda plan, _: get_small(plan, servers[plan], targets[plan]))
    rounds = [measured[1:] for measured in rounds]
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
    targets = targets_of(now, pairs)
    # One index for both: how its segments were merged is chance, and decides as much as the releases do.
    original = indexed(former)
    with both(now, former, lambda plan: shutil.copytree(original, plan.fresh("wharfside-copy"), dirs_exist_ok=True)) as servers:
        for server in servers.values():
            server.settle()
        rounds = in_turns(now, former, now.rounds * 3, lambda plan, _: servers[plan].load("get", targets=targets, count=len(pairs)))
    work = f"search over {now.documents:,} documents, {now.queries} mixed queries"
    return lines(work, rounds, ("p50", "ms", "p50_ms"), ("p99", "ms", "p99_ms"))


def start(now, former):
    rounds = in_turns(now, former, now.rounds, lambda plan, _: ready(plan, grown(plan)))
    work = f"start to ready with {now.library_files:,} files"
    return lines(work, rounds, ("", "ms", "ready_ms"), ("… resident memory, idle", "MiB", "idle_mib"))


def redeploy(now, former):
    """Each release redeploys itself."""
    serving = {}

    def redeployed(plan, number):
        serving[plan], figures = under_load(plan, grown(plan), serving[plan], drained, f"drained-{number}")
        return figures

    try:
        for plan in (now, former):
            serving[plan] = release(plan, grown(plan), "r0")
        rounds = in_turns(now, former, now.rounds, redeployed)
    finally:
        for server in serving.values():
            server.stop()
    work = f"redeploy over {now.library_files:,} files"
    return lines(work, rounds, ("longest stall of a request", "ms", "stall_ms"), ("… start to ready beside the old one", "ms", "ready_ms"))


ROWS = {
    row.__name__.replace("_", "-"): row
    for row in (upload_large, upload_small, download_large, download_small, index, searchable, search, start, redeploy)
}


@contextmanager
def both(now, former, directory=lambda plan: None):
    """A server of each, by plan; on what `directory` says of it, or on a new one."""
    with ExitStack() as stack:
        yield {plan: stack.enter_context(running(plan, "wharfside", directory(plan))) for plan in (now, former)}


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
