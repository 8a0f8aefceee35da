"""Rows about uploads in pieces, by the tus protocol: one large one, and many at once."""

from report import Measured, compare, cost, limit
from rows_transfer import send, synced
from servers import contenders, running

PIECE = 8 << 20
UPLOADS = 32
PEERS = {"tus-server": "@tus/server", "rustus-unsynced": "rustus --force-fsync no"}


def upload_pieces(plan):
    """One large upload in pieces, and the same as one PUT. The peers answer before anything is durable.

    They are measured twice in the same round: as they are, and charged the fsync afterwards.
    """
    names = contenders(plan, *PEERS)
    rounds = {name: [] for name in names}
    puts = []
    for number in range(plan.rounds):
        for name in names:
            with running(plan, name) as server:
                rounds[name].append(send_pieces(server, plan.large_bytes, number))
        if plan.wharfside:
            with running(plan, "wharfside") as server:
                puts.append(send(server, plan.large_bytes, number))
    work = f"one {plan.large_bytes >> 20} MiB tus upload in pieces of {PIECE >> 20} MiB"
    ours = rounds.get("wharfside")
    lines = []
    if ours:
        lines.append(compare(work, "MB/s", ours, puts, "its own PUT", "rate", 0.8))
    for name, called in PEERS.items():
        lines.append(compare(work, "MB/s", ours, rounds[name], f"{called}, nothing synced", "rate", 1.0))
        lines.append(compare("… as durable as ours", "MB/s", ours, rounds[name], f"{called} + fsync", "durable_rate", 1.0))
        lines.append(compare("… peak resident memory", "MiB", ours, rounds[name], called, "peak", 1.0, lower_is_better=True))
    costs = [cost(work, PEERS.get(name, name), rounds[name]) for name in names]
    return Measured(lines, costs)


def send_pieces(server, size, seed):
    figures = server.load("pieces", target=target(server), bytes=size, piece=PIECE, seed=seed)
    figures["peak"] = server.peak_mib()
    figures["rate"] = size / 1e6 / figures["seconds"]
    durable = figures["seconds"]
    if server.name != "wharfside":
        stored = next(path for path in server.root.rglob("*") if path.is_file() and path.stat().st_size == size)
        durable += synced(stored, size)
    figures["durable_rate"] = size / 1e6 / durable
    return figures


def uploads_at_once(plan):
    """Many uploads in pieces at once: what they take in memory."""
    names = contenders(plan, *PEERS)
    rounds = {name: [] for name in names}
    size = plan.large_bytes // UPLOADS
    for number in range(plan.rounds):
        for name in names:
            with running(plan, name) as server:
                figures = server.load("pieces", target=target(server), bytes=size, piece=PIECE, seed=number, uploads=UPLOADS)
                figures["peak"] = server.peak_mib()
                figures["rate"] = figures["bytes"] / 1e6 / figures["seconds"]
                rounds[name].append(figures)
    work = f"{UPLOADS} × {size >> 20} MiB tus uploads at once"
    ours = rounds.get("wharfside")
    lines = [limit(f"{work}: peak resident memory", "MiB", ours, "peak", 64)]
    for name, called in PEERS.items():
        lines.append(compare("… peak resident memory", "MiB", ours, rounds[name], called, "peak", 1.0, lower_is_better=True))
        lines.append(compare("… all together", "MB/s", ours, rounds[name], f"{called}, nothing synced", "rate", None))
    return Measured(lines, [cost(work, PEERS.get(name, name), rounds[name]) for name in names])


def target(server):
    return "/uploads" if server.name == "wharfside" else "/files"
