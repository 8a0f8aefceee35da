"""Rows about moving bytes: large and small, up and down."""

import os
import time

import corpus
from report import Measured, compare, cost, limit
from servers import contenders, running, together

SMALL_BODY = 8 * 1024
DOWNLOAD_BODY = 4 * 1024
DOWNLOAD_FILES = 1_000


def upload_large(plan):
    """One large upload. A peer that answers before the bytes are durable is charged the fsync afterwards."""
    names = contenders(plan, "miniserve", "nginx")
    rounds = {name: [] for name in names}
    for number in range(plan.rounds):
        for name in names:
            with running(plan, name) as server:
                rounds[name].append(send(server, plan.large_bytes, number))
    work = f"one {plan.large_bytes >> 20} MiB upload"
    ours = rounds.get("wharfside")
    return Measured(
        [
            compare(work, "MB/s", ours, rounds["miniserve"], "miniserve + fsync", "rate", 1.2),
            compare(work, "MB/s", ours, rounds["nginx"], "nginx PUT + fsync", "rate", 1.0, aim=True),
        ],
        [cost(work, name, rounds[name]) for name in names],
    )


def send(server, size, seed):
    if server.name == "miniserve":
        figures = server.load("send", target="/upload?path=/", bytes=size, seed=seed, form="large.bin")
    else:
        figures = server.load("send", target=server.files + "large.bin", bytes=size, seed=seed)
    if server.name != "wharfside":
        figures["seconds"] += synced(server.root / "large.bin", size)
    figures["rate"] = size / 1e6 / figures["seconds"]
    return figures


def synced(path, size):
    """Seconds that the file's and its directory's fsync take."""
    if path.stat().st_size != size:
        raise RuntimeError(f"{path.name} has {path.stat().st_size} of {size} octets")
    began = time.perf_counter()
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return time.perf_counter() - began


def upload_small(plan):
    """Many small uploads, eight at once. Ours are hashed, catalogued and indexed while the load lasts."""
    names = contenders(plan, "rustus")
    rounds = {name: [] for name in names}
    for number in range(plan.rounds):
        for name in names:
            with running(plan, name) as server:
                rounds[name].append(put_small(server, plan.small_files, f"r{number}"))
    work = f"{plan.small_files:,} × 8 KiB uploads, 8 at once"
    ours = rounds.get("wharfside")
    return Measured(
        [
            compare(work, "/s", ours, rounds["rustus"], "rustus --force-fsync yes", "rate", 1.0),
            limit(work, "/s", ours, "rate", 8_000, at_least=True, aim=True),
            compare("… p99 of one upload", "ms", ours, rounds["rustus"], "rustus", "p99_ms", None, lower_is_better=True),
            limit("… peak resident memory, indexing included", "MiB", ours, "peak", 64),
        ],
        [cost(work, name, rounds[name]) for name in names],
    )


def put_small(server, count, tag):
    options = {"count": count, "size": SMALL_BODY, "text": corpus.long_text(), "tag": tag, "connections": 8}
    if server.name == "rustus":
        figures = server.load("tus", prefix="/files", **options)
    else:
        figures = server.load("put", prefix=server.files, **options)
        server.settle()
    figures["rate"] = figures["answers"] / figures["seconds"]
    figures["peak"] = server.peak_mib()
    return figures


def download_large(plan):
    """One large download, from a warm page cache."""
    names = contenders(plan, "nginx")
    rounds = {name: [] for name in names}
    with together(plan, names) as servers:
        for server in servers:
            publish_large(plan, server)
        for _ in range(plan.rounds):
            for server in servers:
                rounds[server.name].append(receive(server))
    work = f"one {plan.large_bytes >> 20} MiB download"
    return Measured(
        [compare(work, "MB/s", rounds.get("wharfside"), rounds["nginx"], "nginx", "rate", 0.8)],
        [cost(work, name, rounds[name]) for name in names],
    )


def publish_large(plan, server):
    """Puts the file there, and into the page cache."""
    server.load("send", target=server.files + "large.bin", bytes=plan.large_bytes, seed=1)
    receive(server)


def receive(server):
    figures = server.load("receive", target=server.files + "large.bin")
    figures["rate"] = figures["bytes"] / 1e6 / figures["seconds"]
    return figures


def download_small(plan):
    """Small downloads, 32 at once, from a warm page cache."""
    peers = ["dufs", "miniserve", "copyparty", "nginx"]
    names = contenders(plan, *peers)
    rounds = {name: [] for name in names}
    with together(plan, names) as servers:
        targets = {server.name: publish_small(plan, server) for server in servers}
        for number in range(plan.rounds + 1):
            for server in servers:
                figures = get_small(plan, server, targets[server.name])
                # The first round only warms up.
                if number:
                    rounds[server.name].append(figures)
    work = "4 KiB downloads, 32 at once"
    ours = rounds.get("wharfside")
    best = max(peers[:3], key=lambda name: sum(one["rate"] for one in rounds[name]))
    lines = [
        compare(work, "/s", ours, rounds[name], name, "rate", 5 if name == best else None) for name in peers
    ]
    lines.append(limit("… p99 of one download", "ms", ours, "p99_ms", 5))
    return Measured(lines, [cost(work, name, rounds[name]) for name in names])


def get_small(plan, server, targets):
    figures = server.load("get", targets=targets, seconds=plan.small_seconds, connections=32, expect=DOWNLOAD_BODY)
    figures["rate"] = figures["answers"] / figures["seconds"]
    return figures


def publish_small(plan, server):
    """Puts the files where the server serves them; the file that lists their targets."""
    names = [f"{number:04}.txt" for number in range(DOWNLOAD_FILES)]
    local = plan.fresh(f"small-{server.name}")
    text = corpus.long_text().read_bytes()
    listed = []
    for number, name in enumerate(names):
        body = b"%04d " % number + text[number * DOWNLOAD_BODY : (number + 1) * DOWNLOAD_BODY - 5]
        folder = local if server.name == "wharfside" else server.root
        (folder / name).write_bytes(body)
        listed.append(f"{server.files}{name}\t{folder / name}\n")
    if server.name == "wharfside":
        uploads = local / "uploads.txt"
        uploads.write_text("".join(listed))
        server.load("files", list=uploads)
        server.settle()
    targets = local / "targets.txt"
    targets.write_text("".join(f"{server.files}{name}\n" for name in names))
    return targets
