"""Prefect's runner, which stops as it is told to: a signal ends its runs, says so and frees their places."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect.runner import Runner

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

_STOP_S = 20


class StoppableRunner(Runner):
    """Prefect's own answer to SIGTERM waits for a coroutine that is never started, and leaves its runs behind."""

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        """Stop in the event loop."""
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(self._stop_soon)

    def _stop_soon(self) -> None:
        self._stopping = asyncio.ensure_future(self._stop())

    async def _stop(self) -> None:
        if not self.started:
            raise KeyboardInterrupt
        await self.astop()
        for _ in range(_STOP_S):  # a run that was just being claimed has its process only now
            await asyncio.sleep(1)
            await self.cancel_all()
        raise KeyboardInterrupt


def serve_deployments(deployments: Sequence[RunnerDeployment]) -> None:
    """Run what is scheduled, until SIGTERM or Ctrl-C."""
    runner = StoppableRunner(pause_on_shutdown=True)
    for deployment in deployments:
        runner.add_deployment(deployment)
    before = signal.getsignal(signal.SIGTERM)
    try:
        asyncio.run(runner.start())
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
