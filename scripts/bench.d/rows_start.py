"""The row about starting on a library that has grown."""

import time

import corpus
from report import Measured, limit
from servers import running, start as started

# Short files: what counts for a start is how many there are.
BODY = 1024
IDLE_SECONDS = 5


def grown(plan):
    """The directory of a library with many files, made once a run."""
    if plan.grown:
        return plan.grown
    directory = plan.fresh("wharfside-grown")
    with running(plan, "wharfside", directory) as server:
        server.load(
            "put", prefix=server.files, count=plan.library_files, size=BODY, text=corpus.long_text(), tag="grown", connections=8
        )
        server.settle(7200)
    plan.grown = directory
    return directory


def start(plan):
    """From the process's start to the first ready answer, and what it then holds in memory."""
    if not plan.wharfside:
        return Measured()
    directory = grown(plan)
    rounds = []
    for _ in range(plan.rounds):
        rounds.append(ready(plan, directory))
    work = f"start to ready with {plan.library_files:,} files"
    return Measured(
        [limit(work, "ms", rounds, "ready_ms", 150), limit("… resident memory, idle", "MiB", rounds, "idle_mib", 48)]
    )


def ready(plan, directory):
    began = time.perf_counter()
    server = started(plan, "wharfside", directory)
    passed = (time.perf_counter() - began) * 1000
    try:
        time.sleep(IDLE_SECONDS)
        return {"ready_ms": passed, "idle_mib": server.resident_mib()}
    finally:
        server.stop()
