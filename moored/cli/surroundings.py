"""What stands around a run on this machine: proxies, Prefect's home and its settings."""

from __future__ import annotations

import gc
import os
import sys
import tomllib
from collections.abc import Mapping, MutableMapping
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path

from moored.errors import PrefectUnusable
from moored.fetch.archive import UNUSABLE_PROXY

LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104
KEEP_RUNS = "MOORED_KEEP_RUNS"
IPV6 = 6
_HERE = {".env": "prefect_", "prefect.toml": "", "pyproject.toml": "tool.prefect"}
"""Files where a run starts that may hold settings of Prefect, and what they then hold."""
_OFFLINE = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
_QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "DASK_LOGGING__DISTRIBUTED": "critical",
}


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """A Prefect server that the user chose."""

    address: str
    source: str
    """What names it, for a sentence."""
    way_out: str
    """How to get a server for the run instead, for a sentence."""


def spare_collector() -> None:
    """Let the garbage collector look less often: what imports make stays. An eighth of a start's CPU time."""
    gc.set_threshold(50_000)


def spare_loopback(environment: MutableMapping[str, str] = os.environ) -> None:
    """Never send what stays on this machine through a proxy: in this process and those that it starts.

    The user's own exceptions stay, but for networks of IPv6, which match nothing in Python and which Prefect's
    client refuses. Of the two spellings, the lower one wins, as in Python's `urllib`.
    """
    said = environment.get("no_proxy", environment.get("NO_PROXY", ""))
    hosts = [host.strip().strip("[]") for host in said.split(",") if host.strip() and not _is_ipv6_net(host)]
    if "*" not in hosts:
        hosts += [host for host in LOOPBACK if host not in hosts]
    environment["no_proxy"] = environment["NO_PROXY"] = ",".join(hosts)


def set_aside_unusable_proxies(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take out the proxies that no client of Prefect can be made with, so that a server on loopback needs none.

    Who must reach something elsewhere refuses with what is kept here (`UNUSABLE_PROXY`).
    """
    proxies = [name for name in environment if name.lower() in {"http_proxy", "https_proxy", "all_proxy"}]
    for name in filter(environment.get, proxies):
        if why := _unusable(environment[name]):
            environment[UNUSABLE_PROXY] = f"{name} names a proxy that cannot be used ({why})"
            del environment[name]


def _unusable(proxy: str) -> str | None:
    import httpx

    try:
        httpx.Client(proxy=proxy if "://" in proxy else f"http://{proxy}", trust_env=False).close()
    except ImportError:
        return "SOCKS needs the package socksio"
    except (ValueError, httpx.InvalidURL):  # their words may hold its password
        return "it is no address such as http://host:3128"
    return None


def _is_ipv6_net(host: str) -> bool:
    try:
        return "/" in host and ip_network(host.strip(), strict=False).version == IPV6
    except ValueError:
        return False


def prefect_environment(
    store: Path, keep_runs: int = 200, *, quiet: bool, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Let Prefect stay offline and, unless the user named a home, live in one of moored's own.

    To be called before Prefect is imported. quiet: Prefect and Dask log nothing here.
    """
    for name, value in (_OFFLINE | _QUIET if quiet else _OFFLINE).items():
        environment.setdefault(name, value)
    set_aside_unusable_proxies(environment)
    if environment.get("PREFECT_HOME"):
        return
    users = Path("~/.prefect/profiles.toml").expanduser()
    with suppress(OSError):
        if users.is_file():
            environment.setdefault("PREFECT_PROFILES_PATH", str(users))
    environment["PREFECT_HOME"] = str(_own_home(store))
    environment[KEEP_RUNS] = str(keep_runs)


def may_be_configured() -> bool:
    """Whether the user may have named a Prefect server; False is certain. Errors: `PrefectUnusable`."""
    return configured_server() is not None if "prefect" in sys.modules else may_be_named()


def may_be_named(environment: Mapping[str, str] = os.environ) -> bool:
    """The same, told without Prefect, which takes a second to import."""
    named = {"PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_API_KEY"}
    if any(name.upper() in named and value for name, value in environment.items()):
        return True
    try:
        if any(
            Path(name).is_file() and sign in Path(name).read_text().lower() for name, sign in _HERE.items()
        ):
            return True
        profiles = tomllib.loads(_profiles_path().read_text(encoding="utf-8"))
        return "PREFECT_API_URL" in profiles.get("profiles", {}).get(profiles.get("active"), {})
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError):  # said where it is read in earnest
        return True


def configured_server() -> ConfiguredServer | None:
    """The Prefect server that the user's settings name, if any. Errors: `PrefectUnusable`."""
    _refuse_broken_profiles()
    address = _prefect_setting()
    if address is None:
        return None
    from urllib.request import proxy_bypass

    source, way_out = _source(address)
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PrefectUnusable(
            f"{address!r} is no address of a Prefect server ({source}); write it as "
            f"http://127.0.0.1:4200/api, or {way_out}"
        )
    unusable = os.environ.get(UNUSABLE_PROXY)
    if unusable and not proxy_bypass(parts.hostname):
        raise PrefectUnusable(
            f"the Prefect server at {address} is elsewhere, and {unusable}; correct it, or name {parts.hostname} "
            "in NO_PROXY"
        )
    return ConfiguredServer(address, source, way_out)


def _own_home(store: Path) -> Path:
    """The user's data folder, one for all runs since it takes long to make; beside the store if that fails."""
    beside = store.with_suffix(".prefect")
    for home in (user_data_path("moored") / "prefect", beside):
        with suppress(OSError):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(home, os.W_OK | os.X_OK):
                return home
    return beside  # the server says why it cannot start there


def _refuse_broken_profiles() -> None:
    """Before Prefect looks: it would warn, and go on with half of its settings."""
    file = _profiles_path()
    try:
        tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise PrefectUnusable(
            f"Prefect's file of profiles {file} cannot be read as TOML ({error}); correct it, or move it away"
        ) from error


def _prefect_setting() -> str | None:
    try:
        with redirect_stderr(StringIO()):  # it prints what it then raises
            from prefect.settings import PREFECT_API_URL

            value = PREFECT_API_URL.value()
    except ModuleNotFoundError:  # said elsewhere
        raise
    except Exception as error:  # whatever Prefect's settings raise as it is imported
        raise PrefectUnusable(_why(error)) from error
    return str(value) if value else None


def _why(error: Exception) -> str:
    """Prefect's own complaint about its settings, as a sentence that names what to look at."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        bad = error.errors()[0]
        said, key = str(bad["input"]), ".".join(map(str, bad["loc"]))
        name = next((n for n, v in os.environ.items() if n.startswith("PREFECT_") and v == said), key)
        return (
            f"a setting of Prefect cannot be used: {name} is {said!r} ({bad['msg']}); correct it where it "
            "is set (the environment, .env, prefect.toml or a profile of Prefect), or take it out"
        )
    return f"Prefect's settings cannot be read ({error}); correct them, or take them out"


def _source(address: str) -> tuple[str, str]:
    """What names the server, and how to do without it."""
    if os.environ.get("PREFECT_API_URL") == address:
        return "the variable PREFECT_API_URL names it", "unset PREFECT_API_URL to get one for the run"
    for file in (Path(".env"), Path("prefect.toml"), Path("pyproject.toml")):
        with suppress(OSError, UnicodeDecodeError):
            if address in file.read_text(encoding="utf-8"):
                return f"{file.absolute()} names it", f"take it out of {file} to get one for the run"
    from prefect.context import get_settings_context

    profile = get_settings_context().profile.name
    return (
        f"the profile {profile!r} in {_profiles_path()} names it",
        "take PREFECT_API_URL out of that profile, or set PREFECT_PROFILE=ephemeral, to get one for the run",
    )


def _profiles_path() -> Path:
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    return Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
