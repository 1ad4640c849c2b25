"""What every refusal of moored's is: one sentence for a person, details for `--json`, and an exit code."""

from __future__ import annotations

from typing import Any, ClassVar


class MooredError(Exception):
    """Root. `message` is one sentence for a person; `details` goes into `--json`."""

    exit_code: ClassVar[int] = 1
    told: bool = False
    """Whether a flow that it ended has recorded, logged and alerted it."""

    def __init_subclass__(cls, exit_code: int | None = None) -> None:
        if exit_code is not None:
            cls.exit_code = exit_code

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    @property
    def public(self) -> str:
        """The sentence for eyes elsewhere: without `details["example"]`, what a text or a reply said."""
        example = self.details.get("example")
        return self.message.replace(example, "...") if example else self.message

    # Keyword arguments are lost by the default reduction: a Dask worker's error would reach the flow
    # as a TypeError.
    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.details)


def _rebuild(cls: type[MooredError], message: str, details: dict[str, Any]) -> MooredError:
    return cls(message, **details)


class Terminal(MooredError):
    """Trying again changes nothing."""


class Transient(MooredError):
    """The same call may go through later."""
