"""Texts of others in LaTeX: nothing in them is a command."""

from __future__ import annotations

import re

from moored.plaintext import plain

LATEX_STYLE = {"tab_width": None, "data_align": "c", "tabcolsep": "6pt", "data_addlinespace": None}
_MARKS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
}
_MINUS = re.compile(r"(?<![\w.])-(?=\.?\d)")


def escaped(text: str) -> str:
    """A text as LaTeX shows it; the sign of a negative number is a minus."""
    shown = _MINUS.sub("$-$", "".join(_MARKS.get(mark, mark) for mark in plain(text)))
    return (
        f"{{}}{shown}" if shown[:1] in ("[", "*") else shown
    )  # after a line's end these would be its options
