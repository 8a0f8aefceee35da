"""What other programs read in a document: pdftotext, and LibreOffice for all that is not PDF.

PPTX is taken out of what LibreOffice would save of it, not out of how it sets it: on a page the letters of a justified line stand
apart as if each were a word, and what stands on a master or a layout stands on the page of every slide. Of the older
presentations it would save every cell of the workbooks that their charts came from, so for them pages it is.
"""

import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as xml
from functools import cache
from pathlib import Path

import fetch
from place import HOME

CACHE = HOME / "reference"
PACKAGES = ["libreoffice-writer-nogui", "libreoffice-calc-nogui", "libreoffice-impress-nogui", "poppler-utils"]
# Cells as they are shown, with a tab between them, in UTF-8, of all sheets.
CSV = "csv:Text - txt - csv (StarCalc):9,34,76,1,,0,false,true,true,false,false,-1"
TXT = "txt:Text (encoded):UTF8"
AS_PDF = {"ppt", "odp"}
AS_FLAT = {"pptx"}
AS_TABLE = {"xls", "xlsx", "ods"}
PATIENCE = 40
BATCH = 15


@cache
def programs():
    """Installs what is missing, and tells whose word is taken."""
    if not shutil.which("soffice") or not shutil.which("pdftotext"):
        fetch.run("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    said = subprocess.run(["pdftotext", "-v"], check=True, stderr=subprocess.PIPE, text=True).stderr
    fetch.used["pdftotext"] = said.split()[2]
    said = subprocess.run(["soffice", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    fetch.used["LibreOffice"] = said.split()[1]


def texts(documents, progress):
    """By digest the text of each document that the reference can open; `None` for the others."""
    programs()
    (CACHE / "flat").mkdir(parents=True, exist_ok=True)
    missing = [(digest, path) for digest, path in documents if not kept(digest, path).exists()]
    pdfs = [document for document in missing if document[1].suffix.lower() == ".pdf"]
    for number, (digest, path) in enumerate(pdfs):
        progress(f"pdftotext {number + 1} of {len(pdfs)}")
        keep(digest, path, of_pdf(path))
    others = [document for document in missing if document[1].suffix.lower() != ".pdf"]
    for start in range(0, len(others), BATCH):
        progress(f"LibreOffice {start + 1} of {len(others)}")
        batch = others[start : start + BATCH]
        read = of_office(batch)
        for digest, path in batch:
            # One that takes a whole batch down is tried by itself.
            text = read.get(digest)
            keep(digest, path, text if text is not None else of_office([(digest, path)]).get(digest))
    return {digest: recall(digest, path) for digest, path in documents}


def kept(digest, path):
    return CACHE / ("flat" if kind(path) in AS_FLAT else "") / f"{digest}.txt"


def kind(path):
    return path.suffix.lower().lstrip(".")


def keep(digest, path, text):
    """That a document cannot be opened is kept as a file of one zero byte."""
    # Tables of a million empty cells are long, and say nothing.
    kept(digest, path).write_bytes(b"\0" if text is None else " ".join(text.replace("\0", " ").split()).encode(errors="replace"))


def recall(digest, path):
    content = kept(digest, path).read_bytes()
    return None if content == b"\0" else content.decode()


def of_pdf(path):
    try:
        done = subprocess.run(["pdftotext", "-enc", "UTF-8", path, "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def of_office(batch):
    """Copies the documents under names that cannot collide, converts them together, and collects what came out."""
    ending_in = kind(batch[0][1])
    target = "pdf" if ending_in in AS_PDF else "fodp" if ending_in in AS_FLAT else CSV if ending_in in AS_TABLE else TXT
    ending = target.split(":")[0]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        copies = {digest: shutil.copy(path, folder / f"{digest}.{ending_in}") for digest, path in batch}
        home = f"-env:UserInstallation=file://{HOME / 'libreoffice'}"
        command = ["soffice", home, "--headless", "--norestore", "--convert-to", target, "--outdir", folder / "out", *copies.values()]
        try:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE + 2 * len(batch))
        except subprocess.TimeoutExpired:
            pass
        read = {}
        for digest, _ in batch:
            made = sorted((folder / "out").glob(f"{digest}*.{ending}"))
            if made:
                read[digest] = "\n".join(READERS.get(ending, of_text)(path) for path in made)
        return read


def of_text(path):
    return path.read_text(errors="replace")


def of_flat(path):
    """The paragraphs of the slides and their notes, in a flat OpenDocument file."""
    office, text = (f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "text"))
    body = xml.parse(path).getroot().find(f"{office}body")
    paragraphs = [] if body is None else (found for found in body.iter() if found.tag in (f"{text}p", f"{text}h"))
    return "\n".join("".join(pieces(paragraph, text)) for paragraph in paragraphs)


def pieces(element, text):
    """Text with what elements stand for. Tabs, line ends and several spaces are elements; so are fields, whose text here is of no
    slide (the number of each is `<number>`) or of today."""
    yield element.text or ""
    for inner in element:
        if inner.tag in (f"{text}page-number", f"{text}date", f"{text}time"):
            yield f" {inner.tail or ''}"
            continue
        if inner.tag in (f"{text}s", f"{text}tab", f"{text}line-break"):
            yield " "
        yield from pieces(inner, text)
        yield inner.tail or ""


READERS = {"pdf": lambda path: of_pdf(path) or "", "fodp": of_flat}
