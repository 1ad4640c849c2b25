"""Data frames, formulas and the shell."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from moored.errors import ColumnMissing, DataInvalid, FileAbsent, NonFinite, Separated, Unidentified
from moored.inference import ESTIMATORS, gmm
from moored.inference.formula import Columns, name_and_kind, sample_from_frame, stream_from_frames
from tests.inference.worlds import draw

COLUMNS = Columns("y ~ x", "s", {"proxy": "yhat ~ xhat", "synth": "ysyn ~ xsyn"})


def table(family="logit", T=900, n=150, seed=71):
    sample = draw(family, T=T, n=n, p=2, M=2, rng=seed, kinds=("proxy", "synthetic"))
    proxy, synth = sample.sources
    frame = pd.DataFrame(
        {
            "y": sample.y,
            "x": sample.X[:, 1],
            "s": sample.labelled,
            "yhat": proxy.y,
            "xhat": proxy.X[:, 1],
            "ysyn": synth.y,
            "xsyn": synth.X[:, 1],
            "who": np.arange(T) // 3,
            "group": np.where(np.arange(T) % 2, "a", "b"),
        }
    )
    return sample, frame


def test_a_frame_is_its_arrays():
    sample, frame = table()
    built = sample_from_frame(frame, COLUMNS)
    assert built.terms == ("Intercept", "x")
    assert [(s.name, s.kind) for s in built.sources] == [("proxy", "proxy"), ("synth", "synthetic")]
    for name, estimator in ESTIMATORS.items():
        one, other = estimator(built, "logit"), estimator(sample, "logit")
        np.testing.assert_allclose(one.estimate, other.estimate, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "labelled",
    [
        lambda s: s.astype(int),
        lambda s: np.where(s, "true", ""),
        lambda s: np.where(s, 1.0, np.nan),
        lambda s: pd.array(np.where(s, True, None), dtype="boolean"),
        lambda s: [True if v else None for v in s],
    ],
)
def test_ways_to_say_labelled(labelled):
    sample, frame = table()
    built = sample_from_frame(frame.assign(s=labelled(sample.labelled)), COLUMNS)
    np.testing.assert_array_equal(built.labelled, sample.labelled)


def test_frames_of_other_makes():
    _, frame = table()

    class Foreign:  # what another library's frame offers
        def __dataframe__(self, **options):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                return frame.drop(columns="group").__dataframe__(**options)

    whole = gmm(sample_from_frame(frame, COLUMNS), "logit")
    for other in (Foreign(), {name: frame[name].to_numpy() for name in frame}):
        fit = gmm(sample_from_frame(other, COLUMNS), "logit")
        np.testing.assert_array_equal(fit.estimate, whole.estimate)
    with pytest.raises(DataInvalid, match="list is not a data frame"):
        sample_from_frame([1, 2], COLUMNS)


def test_empty_generations_fail_and_empty_labels_are_refused():
    _, frame = table()
    frame.loc[:9, "ysyn"] = np.nan
    built = sample_from_frame(frame, COLUMNS)
    assert built.sources[0].observed is None
    assert int((~built.sources[1].observed).sum()) == 10
    frame.loc[frame.index[frame.s][0], "x"] = np.nan
    with pytest.raises(NonFinite, match="human data"):
        sample_from_frame(frame, COLUMNS)


def test_interactions_and_categories_keep_their_names():
    _, frame = table()
    columns = Columns("y ~ x * group", "s", {"proxy": "yhat ~ xhat * group"})
    built = sample_from_frame(frame, columns)
    assert built.terms == ("Intercept", "x", "group[T.b]", "x:group[T.b]")
    assert gmm(built, "logit").terms == built.terms


@pytest.mark.parametrize(
    ("columns", "error", "match"),
    [
        (Columns("y ~ z", "s", {}), ColumnMissing, "no column 'z'"),
        (Columns("y ~ x", "chosen", {}), ColumnMissing, "no column 'chosen'"),
        (Columns("y", "s", {}), DataInvalid, "outcome ~ covariates"),
        (Columns("group ~ x", "s", {}), DataInvalid, "one numeric column"),
        (Columns("y ~ x", "s", {"p": "yhat ~ 1"}), DataInvalid, "same terms in the same order"),
        (Columns("y ~ x", "s", {"p:other": "yhat ~ xhat"}), DataInvalid, "write p:proxy"),
        (Columns("y ~ x", "who", {}), DataInvalid, "must be 1 or true"),
        (Columns("y ~ x", "group", {}), DataInvalid, "holds 'b'.*'a'"),
        (Columns("y ~ x", "s", {"p": "one ~ xhat"}), DataInvalid, "one numeric column"),
        (Columns("y ~ x +", "s", {}), DataInvalid, "cannot be read"),
        (
            Columns("y ~ f('a').g(x)", "s", {}),
            DataInvalid,
            "cannot be read: what stands between the parentheses",
        ),
        (Columns("y ~ log(frame)", "s", {}), ColumnMissing, "no column 'frame'"),
        (Columns("y ~ x", "s", {}, weights="x"), DataInvalid, "1 or more"),
    ],
)
def test_refusals(columns, error, match):
    with pytest.raises(error, match=match):
        sample_from_frame(table()[1].assign(one="a"), columns)


def test_weights_are_inverse_probabilities():
    sample, frame = table()
    pi = np.random.default_rng(0).uniform(0.2, 0.8, len(frame))
    one = sample_from_frame(frame.assign(w=1 / pi), Columns("y ~ x", "s", COLUMNS.sources, weights="w"))
    other = sample_from_frame(frame.assign(p=pi), Columns("y ~ x", "s", COLUMNS.sources, probability="p"))
    np.testing.assert_allclose(one.probability, other.probability)
    assert np.abs(gmm(one, "logit").estimate - gmm(sample, "logit").estimate).max() > 1e-4


def test_names_say_the_kind():
    assert name_and_kind("Synthetic1") == ("Synthetic1", "synthetic")
    assert name_and_kind("gpt") == ("gpt", "proxy")
    assert name_and_kind("synth:proxy") == ("synth", "proxy")
    assert name_and_kind("b:synthetic") == ("b", "synthetic")


def test_streams_of_frames_and_what_they_refuse():
    _, frame = table()
    chunks = lambda: (frame.iloc[i : i + 100] for i in range(0, len(frame), 100))  # noqa: E731
    whole = gmm(sample_from_frame(frame, COLUMNS), "logit")
    fit = gmm(stream_from_frames(chunks, COLUMNS), "logit")
    np.testing.assert_allclose(fit.estimate, whole.estimate, atol=1e-10)
    with pytest.raises(DataInvalid, match="text columns or transforms"):
        stream_from_frames(chunks, Columns("y ~ group", "s", {}))
    with pytest.raises(DataInvalid, match="text columns or transforms"):
        stream_from_frames(chunks, Columns("y ~ center(x)", "s", {}))


@pytest.fixture
def shell(monkeypatch, capsys):
    """The command as `moored estimate` runs it, in this process: exit code, stdout and stderr."""
    from moored.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["moored", "estimate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return subprocess.CompletedProcess(arguments, ended.value.code or 0, *capsys.readouterr())

    return run


OPTIONS = ["--formula", "y ~ x", "--family", "logit", "--labelled", "s", "--source", "proxy", "yhat ~ xhat"]
BOTH = [*OPTIONS, "--source", "synth", "ysyn ~ xsyn"]


@pytest.fixture
def files(tmp_path):
    import duckdb

    _, frame = table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.register("given", frame)
        connection.sql("create table units as from given")
        connection.sql(f"copy units to '{tmp_path / 't.parquet'}' (format parquet)")
    return {
        "csv": tmp_path / "t.csv",
        "parquet": tmp_path / "t.parquet",
        "duckdb": f"{tmp_path / 'store.duckdb'}::units",
    }


def test_the_shell_prints_one_json_object_whatever_the_file(files, shell):
    sample, _ = table()
    expected = gmm(sample, "logit", name="gmm-synth")
    for kind, file in files.items():
        stream = ["--stream"] if kind != "csv" else []
        done = shell(file, *BOTH, "--estimator", "gmm-synth", "--json", *stream)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert set(found) == {"headline", "estimates", "fits", "tests", "notes"}
        assert set(found["estimates"][0]) == {
            "estimator", "term", "estimate", "se", "lower", "upper", "p_value", "effective_n", "r2", "role",
        }  # fmt: skip
        assert set(found["fits"][0]) >= {
            "estimator", "n_labelled", "n_total", "j", "j_df", "j_p_value", "warnings", "role", "covariance",
        }  # fmt: skip
        assert [row["term"] for row in found["estimates"]] == ["Intercept", "x"]
        np.testing.assert_allclose(
            [row["estimate"] for row in found["estimates"]], expected.estimate, atol=1e-9
        )


def test_a_large_table_is_read_in_chunks_unasked(files, shell, monkeypatch):
    for kind in ("csv", "parquet", "duckdb"):
        whole = json.loads(shell(files[kind], *BOTH, "--json").stdout)
        with monkeypatch.context() as patch:
            patch.setattr("moored.cli.estimate_table.SMALL_FILE", 0)
            patch.setattr("moored.cli.estimate_table.MANY_CELLS", 900 * 7 - 1)
            found = json.loads(shell(files[kind], *BOTH, "--json").stdout)
        assert [fit["estimator"] for fit in whole["fits"]][-1] == "gmm-small"
        assert [fit["estimator"] for fit in found["fits"]][-1] == "gmm-synth"  # gmm-small needs memory


def test_the_shell_prints_a_table_with_the_default_estimators(files, shell):
    done = shell(files["csv"], *BOTH, "--cluster", "who")
    assert done.returncode == 0, done.stderr
    for name in ("human", "gmm-proxy", "gmm-synth", "gmm-small", "Intercept", "agreement test"):
        assert name in done.stdout


def test_open_ends_and_what_an_estimator_does_not_say_are_null(files, shell):
    wanted = ["--estimator", "naive-proxy", "--estimator", "gmm-small", "--estimator", "gmm-small"]
    done = shell(files["parquet"], *BOTH, *wanted, "--alternative", "larger", "--json")
    found = json.loads(done.stdout, parse_constant=pytest.fail)
    assert [fit["estimator"] for fit in found["fits"]] == ["naive-proxy", "gmm-small"]
    assert all(row["upper"] is None and row["lower"] is not None for row in found["estimates"])
    assert found["estimates"][0]["effective_n"] is None
    assert found["fits"][0]["j"] is None


def test_the_literal_first_step_from_the_shell(files, shell):
    one = json.loads(shell(files["csv"], *OPTIONS, "--first-step", "identity", "--json").stdout)
    other = json.loads(shell(files["csv"], *OPTIONS, "--json").stdout)
    assert [f["estimator"] for f in one["fits"]] == ["human", "gmm-proxy", "gmm-small"]
    assert one["estimates"][2]["estimate"] != other["estimates"][2]["estimate"]


def test_the_shell_refuses_in_one_sentence(files, shell):
    done = shell(files["csv"], "--formula", "y ~ z", "--labelled", "s")
    assert (done.returncode, done.stdout) == (ColumnMissing.exit_code, "")
    assert done.stderr.count("\n") == 1
    missing = shell("nowhere.csv", *OPTIONS)
    assert missing.returncode == FileAbsent.exit_code
    unreadable = shell(files["csv"], "--formula", "y ~ f('a').g(x)", "--labelled", "s")
    assert (unreadable.returncode, unreadable.stderr.count("\n")) == (DataInvalid.exit_code, 1)
    unknown = shell(files["csv"], *OPTIONS, "--estimator", "best")
    assert unknown.returncode == DataInvalid.exit_code
    assert "No estimator is called 'best'" in unknown.stderr
    odd = shell(files["csv"], "--formula", "y ~ x", "--labelled", "s", "--source", "proxy")
    assert odd.returncode == DataInvalid.exit_code
    assert "1 source came with 0 formulas" in odd.stderr


def test_separation_and_too_few_labels_have_their_exit_codes(tmp_path, shell):
    _, frame = table()
    frame.loc[frame.index[frame.s][2:], "s"] = False
    frame.to_csv(tmp_path / "few.csv", index=False)
    assert shell(tmp_path / "few.csv", *OPTIONS).returncode == Unidentified.exit_code
    _, frame = table()
    frame["y"] = np.where(frame.s, frame.x > 0, np.nan)
    frame.to_csv(tmp_path / "separated.csv", index=False)
    refused = shell(tmp_path / "separated.csv", *OPTIONS, "--json")
    found = json.loads(refused.stdout)
    assert refused.returncode == found["code"] == Separated.exit_code
    assert (found["error"], found["details"]) == ("Separated", {"term": "x"})


def test_importing_inference_is_light():
    """CPU seconds, which a busy machine does not stretch."""
    code = (
        "import sys, time; t = time.process_time(); import moored.inference; s = time.process_time() - t;"
        "heavy = {'pandas', 'prefect', 'statsmodels', 'formulaic', 'duckdb', 'scipy'} & set(sys.modules);"
        "print(s); assert not heavy, heavy"
    )
    times = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        times.append(float(done.stdout))
    assert min(times) < 0.3


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (" x", "did you mean ' x', which differs in case, spaces or the form of its letters?"),
        ("X", "did you mean 'X', which differs in case"),
        ("x\n", "did you mean 'x\\n', which differs"),
        ("\uff58", "which differs in case, spaces or the form of its letters"),
    ],
)
def test_a_name_that_is_almost_there_is_named(header, words):
    table = {"y": [1.0, 2.0, 3.0, 4.0], header: [1.0, 2.0, 4.0, 3.0], "s": [1] * 4}
    with pytest.raises(ColumnMissing) as refusal:
        sample_from_frame(table, Columns("y ~ x", "s", {}))
    assert words in refusal.value.message
