import numpy as np

from moored.inference.formulas.cells import RowNames


def test_rows_are_called_by_their_numbers_in_the_file():
    names = RowNames(before=100, rows=3)
    assert list(names) == ["row 101", "row 102", "row 103"]
    assert (len(names), names[-1], names[1:]) == (3, "row 103", ["row 102", "row 103"])
    assert np.asarray(names, dtype=object)[np.array([False, True, False])].tolist() == ["row 102"]
