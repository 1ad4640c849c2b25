"""What is recorded of a study: numbers with where they come from, and no texts."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from moored.benchmark.recorded import FOLDER, read_recorded, record, recorded_names
from moored.errors import ChecksumDiffers, DataInvalid, NotStored
from moored.storage.warehouse import open_store
from tests.published import publish_version
from tests.studies import requests_frame


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a published study of 60 units, whose table has another model's reading."""
    folder = tmp_path_factory.mktemp("recorded")
    publish_version(
        folder / "store.duckdb", folder, requests_frame().assign(gpt=np.arange(60) % 2, note="words")
    )
    return folder / "store.duckdb"


def test_recording_keeps_numbers_and_provenance_and_no_text(store, moored, tmp_path):
    into = tmp_path / "out"
    answer = moored("benchmark", "record", store, "--column", "gpt", "--origin", "made here", "--into", into)
    assert answer.code == 0, answer.err
    assert "60 units (proxy 60, synthetic 60)" in answer.out
    values, said = read_recorded("requests", into)
    assert list(values.columns) == [
        "unit_id",
        "polite",
        "question",
        "gpt",
        "proxy_polite",
        "proxy_question",
        "synthetic_polite",
        "synthetic_question",
    ]
    truth = requests_frame().set_index("id").loc[values["unit_id"]]
    assert values["polite"].tolist() == truth["polite"].tolist()
    assert values["question"].tolist() == truth["text"].str.contains("?", regex=False).astype(float).tolist()
    assert all(pd.api.types.is_numeric_dtype(values[name]) for name in values.columns[1:])
    assert said["units"] == 60
    assert said["origin"] == "made here"
    assert said["sources"]["synthetic"]["write"]["completion"]
    assert said["sources"]["proxy"]["model"] == "stub"
    assert said["recorded_at"].startswith("20")
    bytes_of = b"".join(path.read_bytes() for path in into.iterdir())
    assert not any(text.encode() in bytes_of for text in truth["text"])
    with open_store(store) as warehouse:
        with pytest.raises(DataInvalid, match="no numeric column 'note'"):
            record(warehouse, "requests", columns=["note"], folder=into)
        with pytest.raises(NotStored):
            record(warehouse, "nothing", folder=into)


def test_a_recording_grows_by_units_that_were_asked_the_same(store, moored, tmp_path):
    into = tmp_path / "out"
    assert moored("benchmark", "record", store, "--into", into).code == 0
    values, said = read_recorded("requests", into)
    twice = moored("benchmark", "record", store, "--extend", "--into", into)
    assert twice.code != 0
    assert "60 of these units of 'requests' are recorded already" in twice.err

    earlier = values.head(20).assign(unit_id=[f"earlier-{number}" for number in range(20)])
    rewrite(into, earlier, said | {"units": 20, "observed": {"proxy": 20, "synthetic": 20}})
    answer = moored("benchmark", "record", store, "--extend", "--origin", "the rest", "--into", into)
    assert answer.code == 0, answer.err
    assert "80 units (proxy 80, synthetic 80)" in answer.out
    whole, said_of_it = read_recorded("requests", into)
    pd.testing.assert_frame_equal(whole, pd.concat([earlier, values], ignore_index=True))
    assert [part["units"] for part in said_of_it["parts"]] == [20, 60]
    assert [part["origin"] for part in said_of_it["parts"]] == ["", "the rest"]

    other = json.loads(json.dumps(said))
    other["sources"]["proxy"]["questions"]["polite"]["ask"] = "Is it rude?"
    rewrite(into, earlier, other)
    refused = moored("benchmark", "record", store, "--extend", "--into", into)
    assert "'requests' was recorded with other columns, questions, prompts or another model" in refused.err


def rewrite(folder, values, said):
    """Another recording in the place of the one that is there."""
    path = folder / "requests.parquet"
    values.to_parquet(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(said | {"sha256": sha256}))


def test_a_changed_file_is_refused(tmp_path):
    with pytest.raises(DataInvalid, match="nothing is recorded as 'x'"):
        read_recorded("x", tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"numbers")
    (tmp_path / "x.json").write_text(json.dumps({"sha256": "0"}))
    with pytest.raises(ChecksumDiffers):
        read_recorded("x", tmp_path)


@pytest.mark.parametrize("name", recorded_names())
def test_what_is_shipped_says_where_it_comes_from_and_holds_no_text(name):
    values, said = read_recorded(name)
    assert said["units"] == len(values)
    assert said["origin"]
    assert set(said["observed"]) == set(said["sources"])
    for recipe in said["sources"].values():
        assert recipe["fingerprint"].startswith("recipe-1:")
        assert recipe["endpoint"].startswith("gguf:")
        assert recipe["read"]["completion"]
    assert all(pd.api.types.is_numeric_dtype(values[column]) for column in values.columns[1:])
    assert (FOLDER / f"{name}.parquet").stat().st_size < 100_000
