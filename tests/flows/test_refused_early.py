"""A study that no model can mend costs no request, and `validate` fails where the run would."""

import pytest

from tests.studies import requests_frame, write_requests, write_study

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

LENGTH = {"name": "length", "rule": "length(text)"}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"covariates": [{"name": "question", "rule": "1"}]}, 33, "question"),
        ({"labels": {"design": "simple-random", "sample": 2}}, 31, "2 labelled units"),
        ({"estimate": {"formula": "polite ~ question^2"}}, 10, "I(question**2)"),
        ({"estimate": {"formula": "polite ~ question", "estimators": ["magic"]}}, 10, "magic"),
    ],
)
def test_before_anything_is_sent(moored, endpoint, tmp_path, changes, code, words):
    write_requests(tmp_path)
    path = write_study(tmp_path, **changes)
    for command in ("validate", "run"):
        answer = moored(command, path)
        assert answer.code == code, answer.err
        assert words in answer.err
        assert "Traceback" not in answer.err
    assert endpoint.calls == 0


def test_separated_outcomes(moored, endpoint, tmp_path):
    frame = requests_frame()
    write_requests(tmp_path, frame.assign(polite=frame["text"].str.contains("?", regex=False).astype(int)))
    path = write_study(tmp_path, estimate={"formula": "polite ~ question", "family": "logit"})
    for command in ("validate", "run"):
        assert moored(command, path).code == 32
    assert endpoint.calls == 0


def test_a_formula_with_functions_runs(moored, endpoint, tmp_path):
    write_requests(tmp_path)
    path = write_study(
        tmp_path, covariates=[LENGTH], estimate={"formula": "polite ~ scale(length) + I(scale(length)**2)"}
    )
    answer = moored("run", path, "--json")
    assert answer.code == 0, answer.err
    assert "I(scale(length) ** 2)" in answer.out
    assert endpoint.calls > 0
