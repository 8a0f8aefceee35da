"""The machine the numbers come from, and what its processes use."""

import os
import platform
import statistics
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def facts():
    cpu = next((line.split(":", 1)[1].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = next(int(line.split()[1]) for line in lines("/proc/meminfo") if line.startswith("MemTotal"))
    system = next((line.split("=", 1)[1].strip('"') for line in lines("/etc/os-release") if line.startswith("PRETTY_NAME")), "")
    return [f"{os.cpu_count()} × {cpu}, {memory / 2**20:.0f} GiB of memory", f"{system}, Linux {platform.release()}"]


def sync_floor_ms(directory):
    """Median of writing and fsyncing 8 KiB, two hundred times: what one durable write costs here at the least."""
    content = os.urandom(8192)
    times = []
    with open(directory / "sync-floor", "ab", buffering=0) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(content)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def group(leader):
    """The living processes of the group that `leader` was started as."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        fields = stat(entry)
        if fields and int(fields[2]) == leader:
            members.append(entry)
    return members


def cpu_seconds(leader):
    """User and system seconds of the whole group so far."""
    used = [fields for fields in map(stat, group(leader)) if fields]
    return sum(int(f[11]) for f in used) / TICKS, sum(int(f[12]) for f in used) / TICKS


def resident_mib(leader, field):
    """Sum of `VmHWM` (peak) or `VmRSS` (now) over the group."""
    return sum(process_mib(process.name, field) for process in group(leader))


def process_mib(process, field):
    """Of one process alone; 0 once it is gone."""
    told = [line for line in lines(f"/proc/{process}/status") if line.startswith(field + ":")]
    return int(told[0].split()[1]) / 1024 if told else 0.0


def stat(process):
    """Fields from the state on: the name before them may contain anything."""
    try:
        return (process / "stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def lines(path):
    try:
        return Path(path).read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
