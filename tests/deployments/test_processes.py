"""The compose file's commands as processes on loopback: Postgres, Prefect, a worker, Dask; and Dask over TLS."""

import datetime as dt
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.commands import said
from tests.endpoint import KEY, serve
from tests.studies import reads_well, write_requests, write_study

pytestmark = [pytest.mark.slow, pytest.mark.prefect, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_text())["services"]
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
AUTH = "admin:only-for-this-test"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def process(command, folder, environment, name):
    with (folder / f"{name}.log").open("w") as log:
        started = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def wait_until(well, started, log, limit_s=240):
    deadline = time.monotonic() + limit_s
    while True:
        assert started.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            well()
        except (OSError, subprocess.CalledProcessError):
            time.sleep(0.5)
        else:
            return


def answers(url):
    return lambda: urllib.request.urlopen(url, timeout=5).close()


def connects(port):
    return lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close()


def base_environment(folder, home):
    return os.environ | {
        "MOORED_STORE": str(folder / "store.duckdb"),
        "MOORED_PIPELINE": str(ROOT),
        "OPENAI_API_KEY": KEY,
        "PREFECT_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@contextmanager
def postgres(folder):
    """A Postgres of the test's own; gives its address for SQLAlchemy."""
    if not POSTGRES:
        pytest.skip("no Postgres here: install Debian's package postgresql to run this")
    tools, data, port = POSTGRES[-1], folder / "postgres", free_port()
    data.mkdir()
    as_user = []
    if os.geteuid() == 0:  # Postgres refuses to run as root
        shutil.chown(data, "postgres", "postgres")
        for parent in [data, *data.parents][:4]:
            parent.chmod(parent.stat().st_mode | 0o055)
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    subprocess.run(
        [*as_user, tools / "initdb", "--auth=trust", "--username=prefect", "-D", data],
        check=True,
        capture_output=True,
        timeout=120,
        cwd="/",
    )
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -p {port}"
    command = [*as_user, tools / "postgres", "-D", data, *options.split()]
    with process(command, folder, os.environ, "postgres-server") as started:
        ready = [tools / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        wait_until(
            lambda: subprocess.run(ready, check=True, capture_output=True, timeout=20),
            started,
            folder / "postgres-server.log",
        )
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"


def test_the_services_run_a_deployed_study(tmp_path, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    write_requests(tmp_path)
    path = write_study(tmp_path)
    prefect_port, scheduler_port, health_port, dashboard_port = (free_port() for _ in range(4))
    there = {
        "0.0.0.0": "127.0.0.1",
        "4200": str(prefect_port),
        "8786": str(scheduler_port),
        "127.0.0.1:8787": f"127.0.0.1:{dashboard_port}",
        "tcp://dask-scheduler:8786": f"tcp://127.0.0.1:{scheduler_port}",
    }

    def command(service):
        return [there.get(word, word) for word in SERVICES[service]["command"]]

    with ExitStack() as stack:
        endpoint = stack.enter_context(serve(answers=reads_well))
        environment = base_environment(tmp_path, home) | {
            "OPENAI_BASE_URL": endpoint.url,
            "PREFECT_API_URL": f"http://127.0.0.1:{prefect_port}/api",
            "PREFECT_API_AUTH_STRING": AUTH,
            "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
            "PREFECT_WORKER_WEBSERVER_PORT": str(health_port),
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "MOORED_DASK_ADDRESS": f"tcp://127.0.0.1:{scheduler_port}",
            "MOORED_METRICS": str(tmp_path / "metrics" / "moored.prom"),
        }
        database = {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": stack.enter_context(postgres(tmp_path)),
            "PREFECT_SERVER_API_AUTH_STRING": AUTH,
        }

        def start(service, well, **extra):
            name = service
            running = stack.enter_context(process(command(service), tmp_path, environment | extra, name))
            wait_until(well, running, tmp_path / f"{name}.log")

        start("prefect", answers(f"http://127.0.0.1:{prefect_port}/api/health"), **database)
        start("dask-scheduler", answers(f"http://127.0.0.1:{dashboard_port}/health"))
        start("dask-worker", connects(scheduler_port))

        start("worker", answers(f"http://127.0.0.1:{health_port}/health"))
        said(tmp_path, environment, "moored", "deploy", path, "--pool", "moored", "--cron", "0 2 * * *")
        said(tmp_path, environment, "prefect", "deployment", "run", "scheduled/requests", "--watch")
        results = json.loads(said(tmp_path, environment, "moored", "results", "requests", "--json"))
        assert results["version"] == 1
        assert endpoint.calls == 60 * 3 + 1
        # The file's deployments run on the same worker; the watch needs no model.
        said(ROOT, environment, "prefect", "deploy", "--prefect-file", "deployments/prefect.yaml", "--all")
        said(tmp_path, environment, "prefect", "deployment", "run", "watch/all-studies", "--watch")
        with pytest.raises(OSError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{prefect_port}/api/admin/version", timeout=5)
    assert 'moored_latest_version{study="requests"} 1.0' in (tmp_path / "metrics" / "moored.prom").read_text()


def certificate(folder):
    """A CA and a certificate of it for both ends, as three PEM files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = dt.datetime.now(dt.UTC)

    def signed(name, key, issuer, issuer_key, *, authority):
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(issuer_key, hashes.SHA256())
        )

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(
        signed("test CA", ca_key, "test CA", ca_key, authority=True).public_bytes(pem)
    )
    (folder / "node.pem").write_bytes(
        signed("node", key, "test CA", ca_key, authority=False).public_bytes(pem)
    )
    (folder / "node.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_dask_over_tls(tmp_path, prefect_server):
    certificate(tmp_path)
    write_requests(tmp_path)
    path = write_study(tmp_path)
    port = free_port()
    tls = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(tmp_path / "ca.pem")}
    tls["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "true"
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT"] = str(tmp_path / "node.pem")
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY"] = str(tmp_path / "node.key")
    with ExitStack() as stack:
        endpoint = stack.enter_context(serve(answers=reads_well))
        environment = base_environment(tmp_path, tmp_path / "home") | tls
        environment |= {"OPENAI_BASE_URL": endpoint.url, "PREFECT_API_URL": prefect_server}
        address = f"tls://127.0.0.1:{port}"
        scheduler = ["dask", "scheduler", "--host", address, "--dashboard-address", "127.0.0.1:0"]
        worker = ["dask", "worker", address, "--nthreads", "1", "--no-dashboard"]
        started = stack.enter_context(process(scheduler, tmp_path, environment, "scheduler"))
        wait_until(connects(port), started, tmp_path / "scheduler.log")
        stack.enter_context(process(worker, tmp_path, environment, "worker"))
        over = environment | {"MOORED_DASK_ADDRESS": address}
        done = json.loads(said(tmp_path, over, "moored", "run", path, "--json", limit_s=400))
        assert done["version"] == 1
        # Who has no certificate of the CA gets in by no door.
        knock = (
            f"from distributed import Client, Security; Client('{address}', timeout='5s', "
            "security=Security(tls_ca_file='ca.pem', require_encryption=True))"
        )
        refused = subprocess.run(
            [sys.executable, "-c", knock],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert refused.returncode != 0
        assert any(word in refused.stderr for word in ("SSL", "ssl", "TLS", "Timed out"))
