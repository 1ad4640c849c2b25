"""Formulas of the pages stand between dollars; brackets that Markdown escapes are none."""

from l2m4m import LatexBlockProcessor

LatexBlockProcessor._RE_LATEX_START = LatexBlockProcessor._RE_LATEX_START[:1]
LatexBlockProcessor._RE_LATEX_END = LatexBlockProcessor._RE_LATEX_END[:1]
