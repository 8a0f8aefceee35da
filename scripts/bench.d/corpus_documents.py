"""Real documents by kind, out of Debian's packages and of the sources of programs that read such documents."""

import hashlib
import shutil
import tarfile
from functools import cache

import fetch
from place import DOCUMENTS

# Manuals, papers and books by many hands, in many languages and out of many programs: DocBook, Sphinx, AsciiDoc, office
# programs, R's vignettes, and TeX of thirty years.
PDF_PACKAGES = [
    "asymptote-doc",
    "debian-policy",
    "debian-reference-de",
    "debian-reference-en",
    "debian-reference-fr",
    "debian-reference-it",
    "debian-reference-ja",
    "debian-reference-zh-cn",
    "debmake-doc",
    "developers-reference",
    "developers-reference-de",
    "developers-reference-fr",
    "developers-reference-ja",
    "developers-reference-ru",
    "fp-docs-3.2.2",
    "gap-doc",
    "glpk-doc",
    "gnuplot-doc",
    "installation-guide-amd64",
    "kicad-doc-en",
    "maxima-doc",
    "octave-doc",
    "pari-doc",
    "python-reportlab-doc",
    "r-cran-coin",
    "r-cran-distr",
    "r-cran-lme4",
    "r-cran-mvtnorm",
    "r-cran-party",
    "r-cran-strucchange",
    "r-cran-surveillance",
    "r-cran-survival",
    "r-cran-vcd",
    "r-cran-zoo",
    "r-doc-pdf",
    "singular-doc",
    "texlive-humanities-doc",
    "texlive-lang-cyrillic",
    "texlive-lang-german",
    "texlive-latex-base-doc",
    "texlive-latex-recommended-doc",
    "texlive-science-doc",
]
# Of one package so many at most, lest it outweigh the others.
MOST_OF_PACKAGE = 40
# What broke a reader once, or is to show that it does not.
PDF_SOURCES = ["libpdfbox2-java", "okular", "pdf.js", "pdfminer", "pikepdf", "pypdf", "pypdf2", "qpdf"]
OFFICE_SOURCES = [
    "abiword",
    "antiword",
    "calligra",
    "catdoc",
    "docx2txt",
    "gnumeric",
    "libapache-poi-java",
    "openpyxl",
    "python-docx",
    "python-xlrd",
    "unrtf",
    "wv",
]
OFFICE = ["docx", "xlsx", "pptx", "doc", "xls", "ppt", "odt", "ods", "odp", "rtf"]
# Files of this size and more are not what a person would call a document, and take the reference minutes.
MOST_BYTES = 60_000_000
# So many of a group are read.
MOST_OF_GROUP = 500


@cache
def groups():
    """Lists of paths by the name of their group, each in an order that mixes the packages and never changes."""
    ordinary = []
    for package in PDF_PACKAGES:
        ordinary += distinct(files(fetch.unpacked(package, DOCUMENTS / package), "pdf"))[:MOST_OF_PACKAGE]
    found = {"PDF, ordinary": sorted(ordinary), "PDF, odd and broken": distinct(of_sources(PDF_SOURCES, "pdf"))}
    for ending in OFFICE:
        found[ending.upper()] = distinct(of_sources(OFFICE_SOURCES, ending))
    return found


def of_sources(packages, ending):
    return [path for package in packages for path in files(source(package), ending)]


@cache
def source(package):
    """The files of a Debian source package, its archives unpacked one in the other's place."""
    folder = DOCUMENTS / f"{package}-source"
    if folder.exists():
        return folder
    half = folder.with_name(folder.name + ".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    for number, archive in enumerate(fetch.source_archives(package)):
        with tarfile.open(archive) as unpacked:
            unpacked.extractall(half / str(number), filter=documents_only)
    half.rename(folder)
    return folder


def documents_only(member, path):
    """Nothing but plain files of the kinds that are read, and nothing outside of the folder."""
    ending = member.name.rpartition(".")[2].lower()
    if not member.isfile() or ending not in ["pdf", *OFFICE]:
        return None
    return tarfile.data_filter(member, path)


def files(folder, ending):
    found = folder.rglob("*")
    return [path for path in found if path.suffix.lower() == f".{ending}" and path.is_file() and not path.is_symlink()]


def distinct(paths, most=MOST_OF_GROUP):
    """Each content once, with its digest, and no more than so many."""
    by_digest = {}
    for path in sorted(paths):
        if 0 < path.stat().st_size < MOST_BYTES:
            by_digest.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    return [(digest, by_digest[digest]) for digest in sorted(by_digest)][:most]
