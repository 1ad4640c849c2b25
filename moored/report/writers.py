"""A document as Markdown, LaTeX and Word: the same words in each, nothing in a text is markup."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moored.extras import needed
from moored.plaintext import plain
from moored.reader.latex import escaped
from moored.report.document import Document, Heading, Listing, Paragraph, Part, Table, Verbatim

if TYPE_CHECKING:
    from docx.document import Document as Word

LONGEST = 200_000
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_LEADING = re.compile(r"^(\d*)([.)+=-])(?=\s|$)")
"""What would begin a list at the start of a paragraph."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP file knows. Every part of a Word file has it: equal words are then equal bytes."""


def markdown(document: Document) -> str:
    """The document as Markdown (CommonMark with tables)."""
    return "\n\n".join(_markdown(part) for part in document.parts) + "\n"


def _markdown(part: Part) -> str:
    match part:
        case Heading(level, text):
            return f"{'#' * level} {_marked(text)}"
        case Paragraph(text):
            return _marked(text)
        case Listing(items):
            return "\n".join(f"- {_marked(item)}" for item in items)
        case Table(head, rows):
            lines = [[_marked(cell) for cell in row] for row in (head, *rows)]
            lines.insert(1, ["---"] * len(head))
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Verbatim(text):
            shown = plain(text, LONGEST, lines=True)
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
            return f"{fence}text\n{shown}\n{fence}"


def _marked(text: str) -> str:
    shown = _MARKUP.sub(r"\\\1", plain(text, LONGEST))
    return _LEADING.sub(r"\1\\\2", shown)


_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[a4paper,margin=2.5cm]{geometry}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[T1]{fontenc}
  \usepackage[utf8]{inputenc}
  \IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
  \newcommand{\sign}[2]{\texttt{U+#1}}
\else
  \usepackage{fontspec}
  \newcommand{\sign}[2]{#2}
\fi
\usepackage{longtable}
\usepackage{textcomp}
\newcommand{\asitis}[1]{\par\noindent{\ttfamily\small\raggedright #1\par}\medskip}
\setlength{\emergencystretch}{3em}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
"""
_LATEX = {
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "−": r"$-$",
    "×": r"$\times$",
    "²": r"$^{2}$",
    "∞": r"$\infty$",
    "\u00a0": "~",
    "\u00ad": r"\-",
}


def latex(document: Document) -> str:
    """The document as LaTeX, for pdfLaTeX, XeLaTeX and LuaLaTeX.

    What pdfLaTeX has no letter for is there by its number, such as U+1F600.
    """
    body = "\n\n".join(_latex(part) for part in document.parts)
    return f"{_PREAMBLE}\\begin{{document}}\n\n{body}\n\n\\end{{document}}\n"


def _latex(part: Part) -> str:
    match part:
        case Heading(level, text):
            command = {1: "section*", 2: "subsection*"}.get(level, "subsubsection*")
            return f"\\{command}{{{_tex(text)}}}"
        case Paragraph(text):
            return _tex(text)
        case Listing(items):
            lines = "\n".join(f"  \\item {_tex(item)}" for item in items)
            return f"\\begin{{itemize}}\n{lines}\n\\end{{itemize}}"
        case Table(head, rows):
            return _latex_table(head, rows)
        case Verbatim(text):
            shown = [_tex(line) or "\\mbox{}" for line in plain(text, LONGEST, lines=True).split("\n")]
            return "\\asitis{" + "\\\\\n".join(shown) + "}"


def _latex_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = (0.3, 0.64) if len(head) == 2 else (0.94 / len(head),) * len(head)
    columns = "".join(f"p{{{width:.2f}\\linewidth}}" for width in widths)
    lines = [" & ".join(map(_tex, row)) + r" \\" for row in rows]
    top = " & ".join(f"\\textbf{{{_tex(cell)}}}" for cell in head) + r" \\ \hline"
    return f"\\begin{{longtable}}{{{columns}}}\n{top}\n\\endhead\n" + "\n".join(lines) + "\n\\end{longtable}"


def _tex(text: str) -> str:
    pieces = re.split(r"([^\x20-\x7e]|[^\s]{24,})", plain(text, LONGEST))
    return "".join(_tex_piece(piece) for piece in pieces)


def _tex_piece(piece: str) -> str:
    if len(piece) >= 24 and " " not in piece:  # a fingerprint: it may be broken anywhere
        return r"\allowbreak{}".join(_tex_letters(piece[at : at + 8]) for at in range(0, len(piece), 8))
    return _tex_letters(piece)


def _tex_letters(piece: str) -> str:
    if piece.isascii():
        return escaped(piece) if piece else ""
    return "".join(_tex_letter(mark) for mark in piece)


def _tex_letter(mark: str) -> str:
    if mark in _LATEX:
        return _LATEX[mark]
    if mark.isascii():
        return escaped(mark)
    if unicodedata.category(mark)[0] == "L" and ord(mark) < 0x180 and unicodedata.decomposition(mark):
        return mark  # Latin letters with accents: T1 has them
    return f"\\sign{{{ord(mark):04X}}}{{{mark}}}"


def docx(document: Document) -> bytes:
    """The document as a Word file. Errors: `ExtraMissing`."""
    with needed("tables", "A Word file"):
        import docx as word_files
    word = word_files.Document()
    words = word.core_properties
    words.title, words.author, words.last_modified_by, words.comments = document.title, "moored", "moored", ""
    words.created = words.modified = datetime.fromisoformat(document.day)
    words.revision = 1
    for part in document.parts:
        _add(word, part)
    made = io.BytesIO()
    word.save(made)
    return _same_bytes(made.getvalue())


def _add(word: Word, part: Part) -> None:
    match part:
        case Heading(level, text):
            word.add_heading(_wordy(text), level)
        case Paragraph(text):
            word.add_paragraph(_wordy(text))
        case Listing(items):
            for item in items:
                word.add_paragraph(_wordy(item), style="List Bullet")
        case Table(head, rows):
            _add_table(word, head, rows)
        case Verbatim(text):
            run = word.add_paragraph().add_run(plain(text, LONGEST, lines=True))
            run.font.name = "Courier New"


def _add_table(word: Word, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = word.add_table(rows=1, cols=len(head), style="Table Grid")
    for cell, text in zip(table.rows[0].cells, head, strict=True):
        cell.paragraphs[0].add_run(_wordy(text)).bold = True
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = _wordy(text)


def _wordy(text: str) -> str:
    return plain(text, LONGEST)


def _same_bytes(content: bytes) -> bytes:
    """The same ZIP file with no clock in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            new.writestr(entry, old.read(name))
    return made.getvalue()


WRITERS: dict[str, Callable[[Document], Any]] = {"markdown": markdown, "latex": latex, "docx": docx}
"""By format: text, or bytes of a Word file."""
