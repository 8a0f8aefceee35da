"""Medians, ratios and verdicts, as one table; and the page that keeps them."""

import os
import statistics
from dataclasses import dataclass, field

from place import REPORT

END = "<!-- end of what was measured -->"


@dataclass
class Line:
    work: str
    ours: str
    against: str
    ratio: str
    target: str
    verdict: str


@dataclass
class Cost:
    """CPU seconds against seconds passed, in one contender's median round."""

    work: str
    contender: str
    seconds: float
    server_user: float
    server_system: float
    client: float


@dataclass
class Table:
    """What a row measured that needs columns of its own."""

    what: str
    headings: list
    rows: list = field(default_factory=list)


@dataclass
class Measured:
    lines: list = field(default_factory=list)
    costs: list = field(default_factory=list)
    tables: list = field(default_factory=list)


def median(rounds, figure):
    return statistics.median(one[figure] for one in rounds)


def compare(work, unit, ours, peer, against, figure, target, aim=False, lower_is_better=False):
    """One line; the ratio is the median of the rounds' own ratios, so that a drifting disk cancels out.

    `ours` is empty when Wharfside was left out. Above 1 is always in Wharfside's favour.
    """
    theirs = f"{against}: {shown(median(peer, figure), unit)}"
    goal = f"{'aim: ' if aim else ''}≥ {target} ×" if target else "for reference"
    if not ours:
        return Line(work, "–", theirs, "–", goal, "–")
    ratios = [a[figure] / b[figure] for a, b in zip(ours, peer)]
    if lower_is_better:
        ratios = [1 / ratio for ratio in ratios]
    ratio = statistics.median(ratios)
    spread = f"{ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    return Line(work, shown(median(ours, figure), unit), theirs, spread, goal, reached(ratio, target) if target else "–")


def limit(work, unit, ours, figure, bound, at_least=False, aim=False):
    """One line that holds Wharfside's median against a fixed figure, or only tells it if there is none."""
    goal = "for reference"
    if bound is not None:
        goal = f"{'aim: ' if aim else ''}{'≥' if at_least else '≤'} {shown(bound, unit)}"
    if not ours:
        return Line(work, "–", "", "", goal, "–")
    value = median(ours, figure)
    verdict = "–"
    if bound is not None:
        verdict = reached(value, bound) if at_least else reached(bound, value)
    return Line(work, shown(value, unit), "", "", goal, verdict)


def reached(value, target):
    if value >= target:
        return "reached"
    return f"short: {target / value:.2f} × to go" if value and target else "short"


def shown(value, unit):
    digits = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def cost(work, contender, rounds):
    """Of the round that took the median time."""
    middle = sorted(rounds, key=lambda one: one["seconds"])[len(rounds) // 2]
    return Cost(work, contender, middle["seconds"], middle["server_user"], middle["server_system"], middle["client"])


def render(began, facts, versions, lines, costs, tables=()):
    parts = [f"Measured {began}: {versions[0]}, with {', '.join(versions[1:]) or 'no peers'}.", ""]
    parts += [f"- {fact}" for fact in facts]
    headings = ["work", "Wharfside", "against", "ratio (range)", "to reach", "verdict"]
    parts += ["", *table(headings, [[l.work, l.ours, l.against, l.ratio, l.target, l.verdict] for l in lines])]
    for one in tables:
        parts += ["", one.what, "", *table(one.headings, one.rows)]
    if costs:
        parts += ["", "Where the time went, in seconds (every core can spend one in each):", ""]
        headings = ["work", "server", "passed", "server, user", "server, kernel", "client", "cores idle or waiting"]
        parts += table(headings, [cost_cells(one) for one in costs])
    return "\n".join(parts) + "\n"


def cost_cells(one):
    busy = one.server_user + one.server_system + one.client
    idle = max(0.0, 1 - busy / (os.cpu_count() * one.seconds))
    times = [f"{value:.2f}" for value in (one.seconds, one.server_user, one.server_system, one.client)]
    return [one.work, one.contender, *times, f"{idle:.0%}"]


def table(headings, rows):
    widths = [max(len(cells[at]) for cells in [headings, *rows]) for at in range(len(headings))]
    padded = [[cell.ljust(width) for cell, width in zip(cells, widths)] for cells in [headings, *rows]]
    padded.insert(1, ["-" * width for width in widths])
    return ["| " + " | ".join(cells) + " |" for cells in padded]


def write(text, command):
    """Replaces what an earlier run of the same command measured; the prose around it stays.

    Only a command that the page names has its place there: the whole run, and rows that are told apart from it.
    """
    begin = f"<!-- measured: written by {command} -->"
    page = REPORT.read_text()
    if begin not in page:
        return
    before, rest = page.split(begin, 1)
    after = rest.split(END, 1)[1]
    REPORT.write_text(f"{before}{begin}\n\n{text}\n{END}{after}")
