"""Where things lie, and how much work one run does."""

import copy
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = REPOSITORY / ".bench"
TOOLS = HOME / "tools"
TARGET = HOME / "target"
DEBS = HOME / "debs"
SOURCES = HOME / "sources"
CORPUS = HOME / "corpus"
DOCUMENTS = HOME / "documents"
REPORT = REPOSITORY / "docs" / "benchmarks.md"


class Plan:
    """One run: its sizes, its own new directory, and what rows prepare for each other.

    Every measurement gets a directory that did not exist before; nothing is deleted until the run is over, because
    freeing many files keeps the journal busy long after the call has returned.
    """

    def __init__(self, quick):
        self.quick = quick
        self.rounds = 2 if quick else 5
        self.large_bytes = (1 << 30) // (10 if quick else 1)
        self.small_files = 500 if quick else 5_000
        self.small_seconds = 1.0 if quick else 4.0
        self.documents = 2_000 if quick else 20_000
        self.queries = 200
        self.library_files = 5_000 if quick else 100_000
        self.wharfside = None
        # A library that holds the whole corpus, once a row has made one.
        self.indexed = None
        # The directory of a library with many files, once a row has made one.
        self.grown = None
        self.run = HOME / "runs" / time.strftime("%Y%m%d-%H%M%S")
        self.run.mkdir(parents=True)
        self._made = 0

    def beside(self, binary, name):
        """The same work for another release, in directories of its own."""
        other = copy.copy(self)
        other.wharfside = binary
        other.indexed = other.grown = None
        other.run = self.run / name
        other.run.mkdir()
        return other

    def fresh(self, name):
        """A directory of its own under this run's."""
        self._made += 1
        path = self.run / f"{self._made:03}-{name}"
        path.mkdir()
        return path
