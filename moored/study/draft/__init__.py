"""A study drafted from a user's table: pure functions from its columns to a commented study text."""

from moored.study.draft.build import draft_study
from moored.study.draft.columns import ColumnFacts, look_at
from moored.study.draft.draft import Draft, Given
from moored.study.draft.text import study_text

__all__ = ["ColumnFacts", "Draft", "Given", "draft_study", "look_at", "study_text"]
