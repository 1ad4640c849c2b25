"""`moored example`: a study to start from, wherever one is."""

from tests.conftest import Moored


def test_it_lists_what_there_is(moored: Moored) -> None:
    said = moored("example")
    assert said.code == 0
    assert "moored example tweets" in said.out


def test_it_writes_a_study_and_overwrites_nothing(moored: Moored, tmp_path) -> None:
    said = moored("example", "tweets")
    assert (said.code, (tmp_path / "tweets.toml").is_file()) == (0, True)
    assert "moored run tweets.toml" in said.out
    again = moored("example", "tweets")
    assert again.code == 53
    assert "is there already" in again.err


def test_a_table_to_try_things_on_is_an_example_too(moored: Moored, tmp_path) -> None:
    said = moored("example", "requests")
    assert (said.code, (tmp_path / "requests.csv").is_file()) == (0, True)
    assert "moored init requests.csv" in said.out


def test_an_unknown_name_is_refused_with_the_known_ones(moored: Moored) -> None:
    said = moored("example", "nothing")
    assert said.code == 52
    assert "tweets" in said.err
