"""What an endpoint takes of the OpenAI protocol, where that is not all of it: part of a source's recipe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

TOP_LOGPROBS = 20


class Dialect(BaseModel):
    """How requests are written for one model at one endpoint. The default is the protocol itself."""

    model_config = ConfigDict(frozen=True)

    budget: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the longest reply is called."""
    thinking: int = 0
    """Tokens on top of every budget, for a model that thinks before it answers."""
    system: Literal["system", "developer", "user"] = "system"
    """Who says what the task is; `user`: it stands before the first text."""
    top_logprobs: int = TOP_LOGPROBS
    """Most likely tokens that the endpoint tells."""
    least_temperature: float = 0.0
    left_out: tuple[Literal["seed", "temperature"], ...] = ()
    """Parameters that are not sent, sorted."""

    @property
    def plain(self) -> bool:
        """Nothing deviates."""
        return self == PLAIN

    def speak(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request body as this endpoint takes it."""
        if self.plain:
            return body
        said = {key: value for key, value in body.items() if key not in self.left_out}
        if "temperature" in said:
            said["temperature"] = max(said["temperature"], self.least_temperature)
        if "max_tokens" in said:
            said[self.budget] = said.pop("max_tokens") + self.thinking
        for name in ("top_logprobs", "logprobs"):
            if type(said.get(name)) is int:
                said[name] = min(said[name], self.top_logprobs)
        if "messages" in said:
            said["messages"] = self._roles(said["messages"])
        return said

    def _roles(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first, *others = messages
        if self.system == "system" or first["role"] != "system":
            return messages
        if self.system == "developer":
            return [first | {"role": "developer"}, *others]
        return [others[0] | {"content": f"{first['content']}\n\n{others[0]['content']}"}, *others[1:]]

    @property
    def lines(self) -> tuple[str, ...]:
        """What deviates, for people."""
        sentences = {
            "the longest reply is set by max_completion_tokens": self.budget != "max_tokens",
            f"it thinks before it answers: each request may use {self.thinking} tokens more": self.thinking,
            "the task is told as developer": self.system == "developer",
            "it takes no system message: the task stands before the first text": self.system == "user",
            f"log-probabilities of at most {self.top_logprobs} tokens": self.top_logprobs < TOP_LOGPROBS,
            f"temperature 0 is not taken: {self.least_temperature:g} instead, reruns may differ": (
                self.least_temperature > 0 and "temperature" not in self.left_out
            ),
            "temperature is not taken: answers are sampled as the model does it, reruns may differ": (
                "temperature" in self.left_out
            ),
            "seed is not taken: reruns may differ": "seed" in self.left_out,
        }
        return tuple(line for line, holds in sentences.items() if holds)


PLAIN = Dialect()
