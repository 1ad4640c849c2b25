"""The compose file and the Dockerfile, read as what they are: there is no Docker where this runs."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "deployments" / "Dockerfile").read_text()
SECRET = re.compile(r"PASSWORD|KEY|TOKEN|SECRET|AUTH|NOTIFY|CONNECTION_URL")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_whether_it_is_well(name):
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(SERVICES[name]["healthcheck"])


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_the_environment(name):
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(variable):
            assert re.search(r"\$\{[A-Z_]+:[?-]", value), f"{variable} holds {value}"
    written = re.sub(r"\$\{[^}]*\}", "", yaml.safe_dump(SERVICES[name]))
    assert not re.search(r"(?i)(password|key|auth_string): *\S", written)


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_are_loopback(name):
    image, tag = SERVICES[name]["image"].split(":")
    assert image
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-\w+)?", tag)
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_every_volume_is_declared_and_the_store_is_shared():
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
    assert "data:/data" in SERVICES["worker"]["volumes"]
    assert "data:/data" in SERVICES["dask-worker"]["volumes"]
    assert "MOORED_STORE=/data/" in DOCKERFILE


def test_what_is_waited_for_is_there():
    for service in SERVICES.values():
        for awaited, how in service.get("depends_on", {}).items():
            assert awaited in SERVICES
            assert how == {"condition": "service_healthy"}


def test_the_image_is_pinned_and_runs_as_nobody_special():
    (base,) = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)
    assert re.search(r"uv==\d", DOCKERFILE)
    assert re.findall(r"^USER (\w+)", DOCKERFILE, re.MULTILINE) == ["moored"]
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists()
    assert not SECRET.search(DOCKERFILE)


def test_the_versions_are_those_of_the_package():
    from moored import __version__

    assert SERVICES["worker"]["image"] == f"moored:{__version__}"
