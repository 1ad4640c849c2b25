"""Every figure of moored, in one look: from plain rows to a matplotlib figure, an SVG or a PNG."""

from moored.figures.forest import forest_plot
from moored.figures.labels import label_shares, learning_curve
from moored.figures.look import as_data_uri, as_svg
from moored.figures.versions import estimate_over_versions

__all__ = [
    "as_data_uri",
    "as_svg",
    "estimate_over_versions",
    "forest_plot",
    "label_shares",
    "learning_curve",
]
