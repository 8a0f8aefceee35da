"""One document read by one locked-down child of Wharfside, as the server has it read, and what that took."""

import json
import os
import select
import socket
import subprocess
import time
from array import array
from dataclasses import dataclass, field

import machine

MEMORY = 1 << 30
CPU_SECONDS = 10
PATIENCE = 30
MOST_BYTES = 64 << 10


@dataclass
class Reading:
    # "read", "encrypted", "broken", "crashed" or "timed out".
    outcome: str
    text: str = ""
    details: dict = field(default_factory=dict)
    why: str = ""
    cpu_ms: float = 0.0
    peak_mib: float = 0.0


def read(binary, path):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, open(path, "rb") as document:
        with theirs:
            child = subprocess.Popen([binary, "extract"], stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        reading = converse(ours, document, path)
        # Asked while it waits for more: what `wait4` tells includes the process it was forked from.
        reading.peak_mib = machine.process_mib(child.pid, "VmHWM")
        if reading.outcome == "timed out":
            child.kill()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    reading.cpu_ms = (used.ru_utime + used.ru_stime) * 1000
    return reading


def converse(ours, document, path):
    """Gives the orders, and gathers what is answered until the document is read or the child is gone."""
    order(ours, {"Begin": {"memory": MEMORY, "cpu": CPU_SECONDS}})
    sent = False
    reading = Reading("crashed")
    pieces = []
    end = time.monotonic() + PATIENCE
    while reading.outcome == "crashed":
        ready, _, _ = select.select([ours], [], [], max(0, end - time.monotonic()))
        if not ready:
            reading.outcome = "timed out"
            break
        try:
            message = ours.recv(MOST_BYTES + 1)
        except ConnectionResetError:
            message = b""
        if not message:
            break
        if message[:1] == b"T":
            pieces.append(message[1:].decode())
            continue
        told = json.loads(message[1:])
        if "Details" in told:
            reading.details = told["Details"]
        elif "Ended" in told:
            finish(reading, told["Ended"])
        elif "Panicked" in told:
            reading.why = told["Panicked"]
            break
        elif not sent:
            sent = True
            order(ours, {"Read": {"name": path.name, "size": path.stat().st_size}}, document)
    reading.text = "".join(pieces)
    return reading


def finish(reading, ended):
    reading.why = ended["name_only"] or ""
    if not reading.why:
        reading.outcome = "read"
    else:
        reading.outcome = "encrypted" if "password" in reading.why else "broken"


def order(ours, what, document=None):
    attached = [] if document is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [document.fileno()]))]
    ours.sendmsg([b"J" + json.dumps(what).encode()], attached)
