"""Put the built pages into the wheel, where there are some (`just docs`)."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    """`site/` of the checkout or the sdist becomes `moored/site`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder to a wheel that is to be handed out; an editable one opens the checkout's."""
        if version == "standard" and (Path(self.root) / "site" / "index.html").is_file():
            build_data["force_include"]["site"] = "moored/site"
