"""What each scenario came to: rows, and the table that closes the rehearsal."""

from dataclasses import dataclass, field

COLUMNS = ["scenario", "requests", "failed", "excused", "longest stall", "lost", "lease", "verdict"]


@dataclass
class Row:
    """`problems` are what must not be; `notes` are worth knowing. One that was left out says why."""

    scenario: str
    requests: int | None = None
    failures: int | None = None
    excused: int = 0
    longest_ms: int | None = None
    lost: int | None = None
    lease_ms: float | None = None
    problems: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    # Lines of logs, where something went wrong.
    evidence: list = field(default_factory=list)
    left_out: str | None = None

    def judge(self, outcome, windows=()):
        """Takes over what the load met. A failure is excused if its request was under way during one of the windows:
        (from, to) in milliseconds, in which no healthy container could have answered it.
        """
        self.requests, self.failures, self.longest_ms = outcome.requests, outcome.failures, outcome.longest_ms
        self.lost = len(outcome.lost)
        unexcused = []
        for failure in outcome.failed:
            if any(failure["began_ms"] <= to and failure["ended_ms"] >= since for since, to in windows):
                self.excused += 1
            else:
                unexcused.append(failure)
        failures = outcome.failures or 0
        if failures > self.excused:
            first = f": {unexcused[0]['reason']}" if unexcused else ""
            self.problems.append(f"{failures - self.excused} of {outcome.requests} requests failed without excuse{first}")
        if outcome.longest_ms is not None:
            self.notes.append(f"the longest stall was {outcome.stalled or 'one request'}'s")
        if outcome.lost:
            self.problems.append(f"{len(outcome.lost)} receipts were lost: {outcome.lost[0]}")
        if outcome.requests == 0:
            self.problems.append("the load made no request")
        if not outcome.well and not failures and not outcome.lost:
            self.problems.append(f"the load ended badly and did not say in what: {outcome.said or 'nothing'}")

    def cells(self):
        def number(value, unit=""):
            return "–" if value is None else f"{value:,.0f}{unit}"

        verdict = "left out" if self.left_out else "LOSS" if self.problems else "ok"
        stall, lease = number(self.longest_ms, " ms"), number(self.lease_ms, " ms")
        excused = str(self.excused) if self.excused else "–"
        return [self.scenario, number(self.requests), number(self.failures), excused, stall, number(self.lost), lease, verdict]


FOOTNOTES = """
failed         requests that were refused, broken off or answered with an error; each is made once
excused        of these, the ones under way while no healthy container could answer: from a crash until the container is
               healthy again, or at the instant at which a container was killed with the request inside. Any other is a loss
longest stall  the longest that one request waited for its answer; the slow upload and download do not count
lost           receipts whose file is gone, other, unlisted or not found by search at the end; never excused
lease          from just before the signal to the process that indexed until another one did
"""


def show(rows):
    cells = [COLUMNS] + [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    print()
    for number, line in enumerate(cells):
        words = [word.ljust(width) if column in (0, 7) else word.rjust(width) for column, (word, width) in enumerate(zip(line, widths))]
        print("  ".join(words).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print(FOOTNOTES)
    ran = [row for row in rows if not row.left_out]
    failed = [row for row in ran if row.problems]
    for row in failed:
        for problem in row.problems:
            print(f"{row.scenario}: {problem}")
    print(f"rehearse: {len(ran) - len(failed)} passed, {len(failed)} failed, {len(rows) - len(ran)} skipped")
    return 1 if failed or not ran else 0
