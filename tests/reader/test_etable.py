"""Fits side by side: the digits are the fits' own, and what is written can be read by TeX, Word and a browser."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from docx import Document

import moored
from moored.errors import DataInvalid, PageNotWritten
from moored.inference import ESTIMATORS
from tests.inference.worlds import draw
from tests.reader.test_fit import HOSTILE

NAMES = ("gmm-small", "human", "naive-proxy")


def fits(names=NAMES):
    sample = draw("logit", M=1, rng=42)
    return [replace(ESTIMATORS[name](sample, "logit"), formula="y ~ x1 + x2") for name in names]


def cells_of(text):
    """Estimates and ends as they stand in a Markdown table, by term and fit."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return lines[0], lines[2:]


def test_every_digit_is_the_fits_own():
    chosen = fits()
    head, rows = cells_of(moored.etable(chosen).to_markdown())
    assert head == ["", "y gmm-small (1)", "y human (2)", "y naive-proxy (biased) (3)"]
    terms = [row[0] for row in rows]
    assert terms == ["x1", "", "x2", "", "Intercept", "", "Labelled units", "Units"]
    for at in range(0, 6, 2):
        for fit, estimate, interval in zip(chosen, rows[at][1:], rows[at + 1][1:], strict=True):
            row = fit.tidy().loc[terms[at]]
            places = len(estimate.partition(".")[2])
            assert places >= 4
            assert estimate == f"{row['estimate']:.{places}f}"
            assert interval == f"[{row['lower']:.{places}f}, {row['upper']:.{places}f}]"
    assert rows[6][1:] == ["150"] * 3
    assert rows[7][1:] == ["1,000"] * 3


def test_csv_has_all_digits():
    chosen = fits()
    table = pd.read_csv(io.StringIO(moored.etable(chosen).to_csv()))
    for place, fit in enumerate(chosen, 1):
        own = table[table["fit"] == place].set_index("term").loc[list(fit.terms)]
        for name in ("estimate", "se", "lower", "upper", "p_value"):
            np.testing.assert_array_equal(own[name], getattr(fit, name))


def test_fits_of_different_terms_families_and_levels_stand_side_by_side():
    logit, ols = fits(("human",))[0], ESTIMATORS["human"](draw("ols", p=2, rng=1), "ols", level=0.9)
    ols = replace(ols, terms=("Intercept", "C(g)[T.b c]"))
    table = moored.etable(
        {"first & last": logit, "second": ols}, below=("se", "p"), labels={"x1": "Age", "y": "Polite"}
    )
    head, rows = cells_of(table.to_markdown())
    assert head == ["", "Polite first & last human (1)", "second human (2)"]
    assert [row[0] for row in rows[::3]][:4] == ["Age", "x2", "C(g)[T.b c]", "Intercept"]
    assert rows[0][2] == ""
    assert rows[1][1] == f"({logit.bse['x1']:.4f})"
    assert rows[2][1].startswith("p = ")
    text = table.to_markdown()
    assert "Logistic regression (log odds) (column 1); linear regression (column 2)." in text
    assert "95% (column 1) and 90% (column 2) intervals" in moored.etable([logit, ols]).to_markdown()


@pytest.mark.parametrize(("alternative", "end"), [("larger", "upper"), ("smaller", "lower")])
def test_one_sided_numbers_are_said_to_be_so_and_where(alternative, end):
    sample = draw("ols", p=2, rng=1)
    two = ESTIMATORS["human"](sample, "ols")
    one = ESTIMATORS["human"](sample, "ols", alternative=alternative)
    corpus = replace(two, target="corpus")
    for below in ("interval", "se", "p"):
        text = moored.etable([two, one, corpus, one], below=below).to_markdown()
        assert f"One-sided (columns 2, 4): the alternative is a {alternative} value" in text
        assert f"intervals have no {end} end" in text
        assert "Target (column 3): what all labels" in text
    assert "One-sided: the alternative" in moored.etable(one, below="se").to_latex()
    assert "One-sided" not in moored.etable([two, corpus]).to_markdown()
    for text in (repr(one), str(one.summary()), one._repr_html_(), one.summary()._repr_html_()):
        assert "95% interval, one-sided" in text
    assert "one-sided" not in repr(two) + str(two.summary())
    assert one.glance()["alternative"].tolist() == [alternative]
    assert set(pd.read_csv(io.StringIO(one.to_csv()))["alternative"]) == {alternative}


def test_a_level_that_is_not_the_usual_stands_beside_the_interval():
    fit = ESTIMATORS["human"](draw("ols", p=2, rng=1), "ols", level=0.9)
    assert "units labelled; 90% interval)" in repr(fit)


def test_what_one_version_must_say_names_its_column():
    class Marked(type(fits()[0])):
        __slots__ = ()
        marks = ("a check failed",)

    plain = fits(("human",))[0]
    marked = Marked(**{part: getattr(plain, part) for part in plain.__dataclass_fields__})
    assert moored.etable([plain, marked]).notes[-1] == "Column 2: a check failed"
    assert moored.etable([marked, marked]).notes[-1] == "a check failed"


def test_what_a_fit_warns_of_stands_below_its_table():
    """Without its warning an interval that is too narrow would be published as any other."""
    few = replace(fits(("human",))[0], warnings=("these intervals are too narrow",))
    biased = replace(fits(("naive-proxy",))[0], warnings=("of no use to say",))
    table = moored.etable([*fits(("human",)), few, biased])
    assert table.notes[-1] == "Column 2: these intervals are too narrow"
    for text in (table.to_latex(), table.to_html(), table.to_markdown()):
        assert "Column 2: these intervals are too narrow" in text
        assert "of no use" not in text


def test_odds_ratios_on_request():
    fit = fits(("human",))[0]
    _, rows = cells_of(moored.etable(fit, exp=True, digits=3, keep=["x2"]).to_markdown())
    assert rows[0][1] == f"{np.exp(fit.params['x2']):.3f}"
    assert rows[1][1] == "[{:.3f}, {:.3f}]".format(*np.exp(fit.conf_int().loc["x2"]))
    assert "(odds ratios)" in moored.etable(fit, exp=True).to_markdown()


def test_decimals_that_are_asked_for_are_kept():
    fit = replace(fits(("human",))[0], estimate=np.array([0.001, -0.0004, 123.456]), upper=np.full(3, np.inf))
    _, rows = cells_of(moored.etable(fit, digits=2).to_markdown())
    assert [row[1] for row in rows[::2]][:3] == ["0.00", "123.46", "0.00"]
    assert all(row[1].endswith(", inf]") for row in rows[1:6:2])


@pytest.mark.parametrize(("scale", "digits"), [(1e-12, 3), (1e-5, 3), (1e-3, 0), (1e-2, 1)])
def test_no_standard_error_is_shown_as_zero(scale, digits):
    fit = fits(("human",))[0]
    small = [{"estimate": 4.5 * scale, "se": scale, "lower": 2.5 * scale, "upper": 6.5 * scale}]
    parts = {key: np.full(3, value) for key, value in small[0].items()}
    fine = replace(fit, **parts)
    table = moored.etable({"fine": fine, "usual": fit}, digits=digits, below=("interval", "se"))
    for text in (table.to_markdown(), table.to_html(), table.to_latex()):
        assert not re.search(r"[(\[] ?-?0?[.]?0*[)]", text)
    _, rows = cells_of(table.to_markdown())
    shown = float(rows[2][1].strip("()"))
    assert shown == pytest.approx(scale, rel=0.01)
    low, high = map(float, rows[1][1].strip("[]").split(", "))
    assert (low, high) == pytest.approx((2.5 * scale, 6.5 * scale), rel=0.01)


@pytest.mark.parametrize(
    ("given", "options", "why"),
    [
        ([], {}, "nothing came"),
        ("human", {}, "came"),
        (None, {}, "NoneType came"),
        ("fits", {"keep": ["z"]}, "keep names 'z'"),
        ("fits", {"below": "stars"}, "below came as 'stars'"),
        ("fits", {"digits": -1}, "digits came as -1; give a whole number"),
        ("fits", {"digits": 2.5}, "digits came as 2.5; give a whole number"),
        ("fits", {"digits": "3"}, "digits came as '3'; give a whole number"),
        ("fits", {"labels": ["Age"]}, "labels came as list; give a dict"),
    ],
)
def test_what_makes_no_table_is_refused(given, options, why):
    with pytest.raises(DataInvalid, match=why):
        moored.etable(fits() if given == "fits" else given, **options)


def test_a_small_number_is_never_cut_to_nothing():
    fit = fits(("human",))[0]
    small = {name: getattr(fit, name) * 1e-9 for name in ("estimate", "se", "lower", "upper")}
    tiny = replace(fit, **small)
    _, rows = cells_of(moored.etable(tiny).to_markdown())
    assert float(rows[0][1]) == pytest.approx(tiny.params["x1"], rel=0.1)


@pytest.mark.parametrize(
    ("estimate", "se"), [(12_345_678_901.0, 50_000.0), (3.000028e15, 5.5e10), (2e9, 0.25)]
)
def test_a_large_number_keeps_the_digits_that_its_error_is_worth(estimate, se):
    """Five digits of it made the interval's ends and the estimate one number."""
    fit = ESTIMATORS["human"](draw("ols", p=1, rng=1), "mean")
    ends = {"lower": estimate - 2 * se, "upper": estimate + 2 * se}
    large = replace(
        fit, **{name: np.array([value]) for name, value in ({"estimate": estimate, "se": se} | ends).items()}
    )
    _, rows = cells_of(large.to_markdown(below=("interval", "se")))
    for shown, value in zip(
        (rows[0][1], *rows[1][1].strip("[]").split(", "), rows[2][1].strip("()")),
        (estimate, *ends.values(), se),
        strict=True,
    ):
        assert float(shown) == pytest.approx(value, abs=se / 50)
        assert shown in repr(large)


def test_a_name_is_no_link_and_no_picture():
    fit = replace(fits(("human",))[0], terms=("Intercept", "g[T.![a](http://x.y/z)]", "x"))
    text = moored.etable(fit, notes="[b](javascript:c)").to_markdown()
    assert "![a]\\(http" in text
    assert "[b]\\(java" in text


def test_word_opens_the_file(tmp_path):
    chosen = fits()
    path = moored.etable(chosen, caption="Politeness", notes="By us.").to_docx(tmp_path / "t.docx")
    document = Document(str(path))
    (table,) = document.tables
    cells = [[cell.text for cell in row.cells] for row in table.rows]
    assert any("Politeness" in paragraph.text for paragraph in document.paragraphs)
    _, rows = cells_of(moored.etable(chosen).to_markdown())
    start = next(at for at, row in enumerate(cells) if row[0] == "x1")
    assert [row[1:] for row in cells[start : start + 8]] == [row[1:] for row in rows]
    assert cells[-1][0].startswith("By us. Logistic regression")
    assert "biased, do not report" in cells[-1][0]


def test_html_has_the_same_cells():
    chosen = fits()
    html = moored.etable(chosen).to_html()
    seen = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", html, re.DOTALL)]
    _, rows = cells_of(moored.etable(chosen).to_markdown())
    assert [cell for row in rows for cell in row[1:]] == seen[: 8 * 3]
    assert "http" not in html.replace("http-equiv", "")


LATEX = shutil.which("pdflatex")


def compiled(folder, *tables):
    """Let TeX make a page of the tables, with the packages that they say they need."""
    preamble = re.findall(r"\\usepackage\{.*\}", tables[0])
    page = ["\\documentclass{article}", *preamble, "\\begin{document}", *tables, "\\end{document}"]
    (folder / "t.tex").write_text("\n".join(page), encoding="utf-8")
    done = subprocess.run(
        [LATEX, "-halt-on-error", "-interaction=nonstopmode", "t.tex"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    assert (folder / "t.pdf").stat().st_size > 1000


@pytest.mark.skipif(
    LATEX is None, reason="needs pdflatex (Debian: texlive-latex-recommended, texlive-latex-extra)"
)
def test_latex_compiles_whatever_the_names_are(tmp_path):
    terms = ("Intercept", "[a] & _b% #$~^\\{}", '*ünï* `x` <">|')
    odd = replace(fits(("human",))[0], terms=terms, warnings=())
    tables = [
        moored.etable(fits(), caption="100% & more", label="tab:one"),
        moored.etable([odd], caption="_a_", notes="50% of $x$ [so]"),
        moored.etable([replace(odd, formula=f"{HOSTILE} ~ x")]),
    ]
    compiled(tmp_path, *(table.to_latex() for table in tables))


def test_a_file_is_written_where_it_is_asked_for(tmp_path):
    table = moored.etable(fits())
    for name in ("latex", "markdown", "csv"):
        text = getattr(table, f"to_{name}")(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert repr(table) == table.to_markdown()
    assert "<table" in table._repr_html_()
    assert next(iter(table.frame.columns)) == "y gmm-small (1)"


@pytest.mark.parametrize("kind", ["latex", "markdown", "html", "docx", "csv"])
@pytest.mark.parametrize("where", ["not/there/table.x", "."])
def test_a_file_that_cannot_be_written_is_one_sentence(kind, where, tmp_path):
    write = getattr(moored.etable(fits(("human",))), f"to_{kind}")
    with pytest.raises(PageNotWritten, match=r"cannot write .*: .*; name a file in a folder of yours"):
        write(tmp_path / where)


@pytest.mark.parametrize("estimator", ["human", "gmm-small", "gmm-proxy", "ppi++-proxy", "naive-proxy"])
def test_a_quantile_says_which_one_it_is(estimator):
    sample = draw("ols", p=1, M=1, rng=1)
    low, high = (ESTIMATORS[estimator](sample, f"quantile:{tau}") for tau in ("0.1", "0.9"))
    assert "0.1 quantile (column 1); 0.9 quantile (column 2)." in moored.etable([low, high]).to_markdown()
    assert "0.9 quantile, 150 of" in str(high.summary()).lower()
    assert high.family == "quantile:0.9"
    assert ESTIMATORS[estimator](sample, "quantile").family == "quantile:0.5"


def test_a_multinomial_says_against_which_class_its_log_odds_are():
    sample = draw("ols", M=1, rng=3)
    y = np.where(np.isnan(sample.y), np.nan, np.digitize(sample.y, [0, 1]))
    sources = tuple(replace(s, y=np.digitize(s.y, [0, 1]).astype(float)) for s in sample.sources)
    fit = ESTIMATORS["gmm-proxy"](replace(sample, y=y, sources=sources), "multinomial:3")
    assert fit.family == "multinomial:3"
    for text in (str(fit.summary()), fit.to_markdown()):
        assert "log odds against class 0" in text


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+1", "-1+cmd|' /C calc'!A0", " =1", "\t=1", "＝1+1"])
def test_a_spreadsheet_runs_no_name_as_a_formula(name):
    named = replace(fits(("human",))[0], terms=("Intercept", name, "z"), estimator=name)
    table = pd.read_csv(io.StringIO(moored.etable([named]).to_csv()), dtype=str, keep_default_na=False)
    texts = [cell for row in table.to_numpy() for cell in row if not re.fullmatch(r"-?[\d.e+-]+|-?inf", cell)]
    assert f"'{name}" in texts
    assert not [cell for cell in texts if cell.lstrip()[:1] in {"=", "+", "-", "@", "＝"}]
    assert sorted(table["estimate"].astype(float)) == sorted(named.estimate)
