"""How figures look: colours, type, lines; and a figure as an SVG that follows its page, or as a PNG.

Colours are of Okabe and Ito's palette, which readers with colour-vision deficiencies can tell apart; what matters
is told by shape, too. In a page each colour is a CSS variable, so that the figure follows light and dark.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape
from typing import TYPE_CHECKING, Any, ParamSpec

from moored.plaintext import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

INK, MUTED, GRID, BAND = "#1f2328", "#59636e", "#d1d9e0", "#fff3e6"
HEADLINE, OTHER, NAIVE, EVERYONE = "#0072b2", "#454c54", "#d55e00", "#007a5a"
VARIABLES = {
    INK: "--fig-ink",
    MUTED: "--fig-muted",
    GRID: "--fig-grid",
    BAND: "--fig-band",
    HEADLINE: "--fig-headline",
    OTHER: "--fig-other",
    NAIVE: "--fig-naive",
    EVERYONE: "--fig-everyone",
}
"""The CSS variable that stands for each colour in an SVG."""
DARK = {
    "--fig-ink": "#e6edf3",
    "--fig-muted": "#9da7b1",
    "--fig-grid": "#3d444d",
    "--fig-band": "#33261a",
    "--fig-headline": "#56b4e9",
    "--fig-other": "#c0c8d0",
    "--fig-naive": "#e69f00",
    "--fig-everyone": "#3fc99b",
}
"""What the variables are on a dark page; on a light one they are the colours themselves."""

WIDE, NARROW = 7.2, 3.6
"""Inches: a page of a report, and a phone."""
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.constrained_layout.h_pad": 0.09,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "moored",
}
_PLACES = re.compile(r'\b(id="|url\(#|href="#)([^")]+)')
_COLOURS = re.compile(r"(fill|stroke): ?(#[0-9a-f]{6})")
_FONT = re.compile(r"font(?:-family)?: ?[^;\"]*'DejaVu Sans'[^;\"]*")
_SIZE = re.compile(r"(bold |700 )?([0-9.]+)px")


@contextmanager
def look() -> Iterator[None]:
    """The look, for what is drawn inside; nothing stays set afterwards."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):
        yield


def in_the_look(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """A function that draws a figure, in the look."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with look():
            return draw(*args, **kwargs)

    return drawn


def label_of(text: object, longest: int = 40) -> str:
    """A name as a figure shows it: control and direction marks as escapes, the end of a long one cut."""
    return plain(text, longest, said=False)


def bare(axes: Axes) -> None:
    """Axes with a horizontal scale alone: no frame, faint lines at the marks."""
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def as_svg(figure: Figure, key: str, title: str, description: str) -> str:
    """The figure as an SVG element to stand in a page: with words for those who do not see it, and nothing loaded.

    key: begins the ids in it, so that figures of one page do not share any.
    """
    drawn = io.StringIO()
    with look():
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = _PLACES.sub(lambda found: f"{found[1]}{key}-{found[2]}", svg)
    svg = _COLOURS.sub(lambda found: f"{found[1]}: {_variable(found[2])}", svg)
    svg = _FONT.sub(_plain_font, svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    box = re.search(r'viewBox="([^"]*)"', svg)
    assert box is not None
    head = (
        f'<svg class="figure" viewBox="{box[1]}" role="img" aria-labelledby="{key}-title {key}-words" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">\n'
        f'<title id="{key}-title">{escape(plain(title))}</title>\n'
        f'<desc id="{key}-words">{escape(plain(description))}</desc>\n'
    )
    return head + svg[svg.index(">") + 1 :].strip()


def as_data_uri(figure: Figure) -> str:
    """The figure as a PNG that a page can hold in itself."""
    buffer = io.BytesIO()
    with look():
        figure.savefig(buffer, format="png", dpi=110)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _variable(colour: str) -> str:
    name = VARIABLES.get(colour)
    return colour if name is None else f"var({name}, {colour})"


def _plain_font(found: re.Match[str]) -> str:
    """The size and weight without the family: the page's own is used."""
    size = _SIZE.search(found[0])
    if size is None:
        return ""
    weight = "; font-weight: 700" if size[1] else ""
    return f"font-size: {size[2]}px{weight}"
