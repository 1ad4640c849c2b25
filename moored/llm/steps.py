"""The two steps of a source, write and read, each from a unit to its terminal row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace

from moored.errors import MooredError
from moored.llm.generations import Generation, Unit, flag_of
from moored.llm.recipe import Recipe
from moored.llm.replies import Parsed, gives_answer, parse_read, parse_written, shown_again
from moored.llm.requests import Request, read_request, repair_request, write_request
from moored.llm.safety import storable
from moored.llm.sender import Asked, Sender


@dataclass(slots=True)
class Steps:
    """Steps of one recipe through one sender."""

    recipe: Recipe
    sender: Sender
    again: bool = False
    _fingerprint: str = ""
    _flags: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._fingerprint = self.recipe.fingerprint

    async def write(self, unit: Unit) -> Generation:
        """Write the unit's synthetic text."""
        return await self._alone(unit, "write", 0, self._write(unit))

    async def read(self, variable: str, draw: int, item: tuple[Unit, str]) -> Generation:
        """Read one variable off a text: the unit's own or its synthetic one."""
        unit, text = item
        return await self._alone(unit, f"read.{variable}", draw, self._read(variable, draw, unit, text))

    async def _write(self, unit: Unit) -> Generation:
        request = write_request(self.recipe, unit.text)
        asked, parsed = await self._settle(request, parse_written)
        return self._row(unit, "write", 0, request, asked, parsed)

    async def _read(self, variable: str, draw: int, unit: Unit, text: str) -> Generation:
        request = read_request(self.recipe, variable, text, draw)

        def parse(raw: str) -> Parsed:
            return parse_read(raw, self.recipe, variable)

        asked, parsed = await self._settle(request, parse)
        if parsed is not None and asked.raw and self._repairable(parsed, asked.raw, variable):
            repair = repair_request(self.recipe, variable, request, shown_again(asked.raw))
            again, better = await self._settle(repair, parse)
            asked = _both(asked, again)
            if better is not None and better.status == "ok":
                request, parsed = repair, better
        return self._row(unit, f"read.{variable}", draw, request, asked, parsed)

    def unreadable(self, unit: Unit, written: Generation) -> Iterator[Generation]:
        """The rows of the reads of a text that was not written."""
        for step, draw in self.recipe.steps:
            if step == "write":
                continue
            why = f"no text was written: {written.error}"
            over = written.status == "over-budget"
            asked = Asked("over-budget" if over else "failed", None, why, "budget" if over else "write")
            yield self._row(unit, step, draw, None, asked, None)

    async def _alone(self, unit: Unit, step: str, draw: int, row: Awaitable[Generation]) -> Generation:
        """Whatever goes wrong with one row is that row's failure; what concerns all rows goes on."""
        try:
            return await row
        except MooredError:
            raise
        except Exception as error:
            why = storable(f"the row could not be made: {error!r}")[:200]
            return self._row(unit, step, draw, None, Asked("failed", None, why, "row"), None)

    def _repairable(self, parsed: Parsed, raw: str, variable: str) -> bool:
        """Whether to ask again. A model that gave an allowed answer, and is told that it did not, gives another."""
        wrong = parsed.error_kind == "wrong-answer"
        return wrong and self.recipe.api == "chat" and not gives_answer(raw, self.recipe, variable)

    async def _settle(self, request: Request, parse: Callable[[str], Parsed]) -> tuple[Asked, Parsed | None]:
        """The stored reply, or a new one; and what it says."""
        asked = self.sender.stored(request)
        if asked is not None and asked.raw is not None:
            parsed = parse(asked.raw)
            if parsed.status != "failed" or not self.again:
                return asked, parsed
        asked = await self.sender.ask(request)
        return asked, parse(asked.raw) if asked.status == "ok" and asked.raw is not None else None

    def _row(
        self, unit: Unit, step: str, draw: int, request: Request | None, asked: Asked, parsed: Parsed | None
    ) -> Generation:
        said = parsed or Parsed("failed", None, None, asked.error, asked.error_kind)
        status = said.status if asked.status == "ok" else asked.status
        self.sender.writer.count(status, cached=asked.cached)
        self.sender.ended(step, status, said.error_kind, said.error)
        return Generation(
            unit_id=unit.id,
            source=self.recipe.source,
            step=step,
            draw=draw,
            recipe=self._fingerprint,
            content_hash=unit.content_hash,
            status=status,
            value=said.value,
            text=said.text,
            reply=asked.raw,
            error=said.error,
            error_kind=said.error_kind,
            attempts=asked.attempts,
            prompt_tokens=asked.prompt_tokens,
            completion_tokens=asked.completion_tokens,
            usd=asked.usd,
            latency_s=asked.latency_s,
            cached=asked.cached,
            request_key=request.key if request else None,
            flag=self._flag(unit),
            prices=self.sender.price.table,
        )

    def _flag(self, unit: Unit) -> str | None:
        """The unit's flag, looked for once for all of its rows."""
        if unit.id not in self._flags:
            self._flags[unit.id] = flag_of(unit.text)
        return self._flags[unit.id]


def _both(first: Asked, second: Asked) -> Asked:
    """A reply and its repair as one row: what both cost, the second's text if there is one."""
    return replace(
        first,
        raw=second.raw or first.raw,
        attempts=first.attempts + second.attempts,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        usd=first.usd + second.usd,
        cached=first.cached and second.cached,
    )
