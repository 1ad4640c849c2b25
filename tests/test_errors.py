import inspect
import pickle
import re

import pytest

from moored import errors

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.MooredError)]
LEAVES = [c for c in CLASSES if c not in (errors.MooredError, errors.Terminal, errors.Transient)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_survives_the_trip_from_a_worker(cls):
    error = pickle.loads(pickle.dumps(cls("it broke", row=3)))
    assert type(error) is cls
    assert (str(error), error.details) == ("it broke", {"row": 3})


def test_every_error_has_an_exit_code_of_its_own():
    codes = [cls.exit_code for cls in LEAVES]
    assert len(set(codes)) == len(codes)
    assert {0, 1, 2, 130}.isdisjoint(codes)


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = dict(re.findall(r"[├└]── (\w+) +(\d+)", errors.__doc__))
    assert drawn == {cls.__name__: str(cls.exit_code) for cls in LEAVES}


def test_a_public_sentence_says_nothing_that_a_text_said():
    error = errors.TooManyFailures(
        "3 of 4 failed (answered 'my name is'); run again", example="answered 'my name is'"
    )
    assert error.public == "3 of 4 failed (...); run again"
    assert errors.StoreLocked("held").public == "held"
