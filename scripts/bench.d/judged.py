"""Questions with judged answers: subject indexes that the authors of manuals wrote by hand.

An entry of such an index is a subject as a reader would look it up, and the pages that its authors hold to be about
it. Nothing here is judged by a search engine, or by us. Entries that tools make of a program's names (functions,
options, configuration parameters) are left out: a name finds its page in any engine.
"""

import hashlib
import itertools
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import corpus
import fetch
from place import CORPUS

# Taken of each index, in an order that never changes.
TAKEN = 50
# As people type: more would be a sentence.
WORDS = range(2, 7)
# A subject that is everywhere has no answer.
MOST_ANSWERS = 5
# Pages that list subjects hold every word of every question, and nobody takes them for an answer; sources of pages say
# the same as the pages.
LISTS = re.compile(r"/(bookindex|genindex[^/]*|keyword_index|doc_\w+_crossref|doclist|sitemap|contents|py-modindex)\.html$|/_sources/")
# Words of the entries' own grammar: what a name is, or that another entry says it.
GRAMMAR = {
    "attribute", "built-in", "class", "command", "configuration", "environment", "function", "method", "module", "operator", "parameter",
    "pep", "rfc", "see", "statement",
}  # fmt: skip


@dataclass
class Question:
    words: str
    # Names of documents, as the corpus calls them.
    answers: frozenset


class Entries(HTMLParser):
    """Entries of an index: each a list of its words, level by level, and the pages linked from it.

    `inner` is the element that one entry is, and `nested` the one that holds those below it.
    """

    def __init__(self, inner, nested):
        super().__init__(convert_charrefs=True)
        self.inner, self.nested = inner, nested
        self.levels = []
        self.found = []
        self.depth = 0
        self.link = None

    def handle_starttag(self, tag, attributes):
        if tag == self.nested:
            self.depth += 1
        elif tag == self.inner:
            del self.levels[max(0, self.depth - 1) :]
            self.levels.append(["", []])
        elif tag == "a":
            self.link = dict(attributes).get("href")
            if self.link and self.levels:
                self.levels[-1][1].append(self.link)

    def handle_endtag(self, tag):
        if tag == self.nested:
            self.depth -= 1
            del self.levels[max(0, self.depth) :]
        elif tag == "a":
            self.link = None
        if tag in (self.inner, self.nested):
            self.take()

    def handle_data(self, text):
        # What a link says is the title of its page in one of the indexes, and the entry in the other.
        if self.levels and (self.link is None or self.inner == "li"):
            self.levels[-1][0] += text

    def take(self):
        if self.levels and self.levels[-1][1]:
            words = " ".join(level[0] for level in self.levels)
            self.found.append((words, tuple(self.levels[-1][1])))
            self.levels[-1][1] = []


def questions():
    """All of them, from three manuals of different kinds."""
    return [question for index in (of_postgresql, of_python, of_sqlite) for question in chosen(index())]


def chosen(entries):
    """The first few in an order that mixes the alphabet; one for each wording."""
    known = {name for name, _ in corpus.every_document() if not LISTS.search(name)}
    judged = {}
    for words, answers in entries:
        words = " ".join(word for word, _ in itertools.groupby(re.sub(r"[\s,;()\"“”]+", " ", words).split()))
        count = len(words.split())
        plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9 /'+-]*", words) and not GRAMMAR & set(words.lower().split())
        answers = frozenset(answers)
        if plain and count in WORDS and answers <= known and 1 <= len(answers) <= MOST_ANSWERS:
            judged.setdefault(words.lower(), set()).update(answers)
    fitting = [Question(words, frozenset(answers)) for words, answers in judged.items() if len(answers) <= MOST_ANSWERS]
    return sorted(fitting, key=lambda question: hashlib.sha256(question.words.encode()).digest())[:TAKEN]


def read(package, path, inner, nested, keep=lambda link: True):
    """The entries of one index page, with links as the corpus names documents."""
    folder = fetch.unpacked(package, CORPUS / package)
    page = folder / path
    parser = Entries(inner, nested)
    parser.feed(page.read_text(errors="replace"))
    for words, links in parser.found:
        kept = [link for link in links if keep(link)]
        targets = [(page.parent / link.split("#")[0]).resolve() for link in kept]
        names = [f"{package}/{target.relative_to(folder.resolve())}" for target in targets if target.is_relative_to(folder.resolve())]
        if names:
            yield words, names


def of_postgresql():
    return read("postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html/bookindex.html", "dt", "dl")


def of_python():
    """Subjects have anchors of their own, `#index-7`; names of the library have their names."""
    folder = fetch.unpacked("python3.11-doc", CORPUS / "python3.11-doc")
    for page in sorted((folder / "usr/share/doc/python3.11/html").glob("genindex-?.html")):
        yield from read("python3.11-doc", page.relative_to(folder), "li", "ul", lambda link: "#index-" in link)


def of_sqlite():
    return read("sqlite3-doc", "usr/share/doc/sqlite3/keyword_index.html", "li", "ul")
