"""Fits side by side as a table to publish: in a notebook, in LaTeX, Markdown, HTML, Word and CSV."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moored.errors import PageNotWritten
from moored.extras import needed
from moored.plaintext import no_formula, plain
from moored.reader.latex import LATEX_STYLE, escaped

if TYPE_CHECKING:
    import pandas as pd

PREAMBLE = r"% needs \usepackage{booktabs, makecell, threeparttable}"


@dataclass(frozen=True, slots=True)
class Table:
    """Fits side by side. A notebook shows it; `print` shows its Markdown.

    Attributes
    ----------
    heads : for each fit, the lines above its column.
    rows : a label and a cell per fit: the terms, then what holds for each fit, from row `split` on.
    notes : how to read it. caption, label : of the table, or None.
    """

    heads: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, ...], ...]
    split: int
    notes: tuple[str, ...]
    caption: str | None
    label: str | None
    values: tuple[dict[str, Any], ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The cells as texts, one column per fit."""
        return self._frame(plain)

    def to_latex(self, path: str | Path | None = None) -> str:
        r"""LaTeX, in a `table` environment where there is a caption; also written to `path`.

        It needs \usepackage{booktabs, makecell, threeparttable}, as its first line says.
        """
        made = self._made(escaped)
        return _written(f"{PREAMBLE}\n{made.make(type='tex', tex_style=LATEX_STYLE)}\n", path)

    def to_html(self, path: str | Path | None = None) -> str:
        """An HTML table with its style, which stands in any page; also written to `path`."""
        return _written(str(self._made(plain).make(type="gt").as_raw_html()), path)

    def to_docx(self, path: str | Path) -> Path:
        """Write a Word file with the table; what is there is replaced. Gives the path."""
        file = Path(path)
        document = self._made(plain).make(type="docx")
        content = io.BytesIO()
        document.save(content)
        _write(file, content.getvalue())
        return file

    def to_markdown(self, path: str | Path | None = None) -> str:
        """A Markdown table and its notes; also written to `path`."""
        frame = self._frame(_markdown)
        with needed("tables", "A table in Markdown"):
            text = frame.to_markdown(disable_numparse=True, colalign=("left", *("right",) * len(self.heads)))
        title = f"**{_markdown(self.caption)}**\n\n" if self.caption else ""
        notes = "".join(f"\n\n{_markdown(note)}" for note in self.notes)
        return _written(f"{title}{text}{notes}\n", path)

    def to_csv(self, path: str | Path | None = None) -> str:
        """Every number with all its digits, one row per fit and term; also written to `path`.

        A name that a spreadsheet would run as a formula, such as `=1+1`, begins with an apostrophe.
        """
        import pandas as pd

        rows = [{name: no_formula(cell) for name, cell in row.items()} for row in self.values]
        return _written(pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"), path)

    def __repr__(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        return self.to_html()

    def _frame(self, shown: Callable[[str], str], *, levels: bool = False) -> pd.DataFrame:
        import pandas as pd

        heads = [tuple(map(shown, head)) for head in self.heads]
        columns: Any = (
            pd.MultiIndex.from_tuples(heads)
            if levels and len(heads[0]) > 1
            else [" ".join(filter(None, head)) for head in heads]
        )
        labels = [shown(row[0]) for row in self.rows]
        cells = [[shown(cell) for cell in row[1:]] for row in self.rows]
        return pd.DataFrame(cells, index=pd.Index(labels), columns=columns)

    def _made(self, shown: Callable[[str], str]) -> Any:
        """maketables' table of the cells: it lays out and renders them."""
        import pandas as pd

        with needed("tables", "A table to publish"):
            from maketables import MTable
        frame = self._frame(shown, levels=True)
        parts = ["terms"] * self.split + ["fit"] * (len(self.rows) - self.split)
        frame.index = pd.MultiIndex.from_arrays([parts, frame.index])
        return MTable(
            frame,
            notes=" ".join(map(shown, self.notes)),
            caption=None if self.caption is None else shown(self.caption),
            tab_label=self.label,
            rgroup_display=False,
            rgroup_sep="t",
        )


def _markdown(text: str) -> str:
    """A text in which nothing is markup."""
    shown = "".join(f"\\{mark}" if mark in "\\`*_{}<>#|~$" else mark for mark in plain(text))
    return shown.replace("](", "]\\(")  # a link, or a picture that is loaded from elsewhere


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        _write(Path(path), text.encode())
    return text


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except (OSError, ValueError) as error:
        raise PageNotWritten(
            f"cannot write {file}: {getattr(error, 'strerror', None) or error}; name a file in a folder of yours"
        ) from error
