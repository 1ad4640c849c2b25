"""What every fit offers its reader, whether it was just computed or was published: names as users know them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moored.errors import TermUnknown
from moored.reader.frames import Labelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from moored.reader.table import Table
    from moored.reader.text import Summary


class Readable(Labelled):
    """A fit as text, as a picture and as a table."""

    __slots__ = ()

    def summary(self, level: float | None = None) -> Summary:
        """The fit as text: print it, or let a notebook show it."""
        from moored.reader.text import summary_of

        return summary_of(self, self.tidy(level), self.level if level is None else level)

    def plot(
        self,
        *,
        terms: str | Sequence[str] | None = None,
        level: float | None = None,
        exp: bool = False,
        ax: Axes | None = None,
    ) -> Axes:
        """Estimates and intervals, one line per term, and a line at zero (at 1 with `exp`).

        Parameters
        ----------
        terms
            The terms to draw, from the top; None: all. level : of the intervals.
        exp
            Odds or rate ratios in the place of their logarithms. ax : where to draw; None: a new figure.
        """
        from moored.reader.picture import draw_terms

        frame = self.conf_int(level).assign(estimate=self.estimate)
        chosen = frame.loc[self._chosen(terms)]
        return draw_terms(self, chosen, self.level if level is None else level, exp, ax)

    def table(self, **options: Any) -> Table:
        """The fit as a table to publish: see `moored.etable`."""
        from moored.reader.etable import etable

        return etable(self, **options)

    def to_latex(self, path: str | Path | None = None, **options: Any) -> str:
        """The fit's table in LaTeX: see `moored.etable`."""
        return self.table(**options).to_latex(path)

    def to_markdown(self, path: str | Path | None = None, **options: Any) -> str:
        """The fit's table in Markdown: see `moored.etable`."""
        return self.table(**options).to_markdown(path)

    def to_html(self, path: str | Path | None = None, **options: Any) -> str:
        """The fit's table in HTML: see `moored.etable`."""
        return self.table(**options).to_html(path)

    def to_csv(self, path: str | Path | None = None) -> str:
        """Every number of the fit with all its digits."""
        return self.table().to_csv(path)

    def to_docx(self, path: str | Path, **options: Any) -> Path:
        """The fit's table as a Word file: see `moored.etable`."""
        return self.table(**options).to_docx(path)

    def _chosen(self, terms: str | Sequence[str] | None) -> list[str]:
        wanted = list(self.terms) if terms is None else [terms] if isinstance(terms, str) else list(terms)
        unknown = [term for term in wanted if term not in self.terms]
        if unknown or not wanted:
            came = repr(unknown[0]) if unknown else "no term"
            raise TermUnknown(
                f"The fit has the terms {', '.join(self.terms)}; {came} was asked for; name some of them."
            )
        return wanted

    def __repr__(self) -> str:
        from moored.reader.text import short_of

        return short_of(self)

    def _repr_html_(self) -> str:
        from moored.reader.text import html_of

        return html_of(self)
