"""The files of deploy/ say the same, each in its words; tests/e2e/test_topology.py starts what they say."""

import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from soleflip_assets.commands.health import COMPONENTS
from soleflip_assets.ground.settings import FILES
from tests.conftest import missing, program
from tests.e2e.topology import SERVICES, UNITS, read_environment, service

DEPLOY = FILES / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def require(package: str) -> None:
    """See that an optional package is there."""
    if importlib.util.find_spec(package) is None:
        missing(package, "make clusters")


@pytest.mark.parametrize("name", SERVICES)
def test_containers_run_what_the_units_run(name: str) -> None:
    """The same program with the same arguments and environment files, restarted whenever it ends."""
    unit, container = service(name), COMPOSE["services"][name]
    (command,) = unit["ExecStart"]
    program, *arguments = shlex.split(command)
    assert shlex.split(container["command"]) == [Path(program).name, *arguments]
    assert container["env_file"] == [Path(path).name for path in unit["EnvironmentFile"]]
    assert (container["restart"], unit["Restart"]) == ("always", ["always"])


@pytest.mark.parametrize("name", SERVICES)
def test_container_is_alive_by_the_health_command(name: str) -> None:
    kind, *probe = COMPOSE["services"][name]["healthcheck"]["test"]
    assert kind == "CMD"
    assert probe[:2] == ["soleflip", "health"]
    assert probe[2] in COMPONENTS


def test_every_image_from_outside_is_named_by_its_digest() -> None:
    """A tag is moved to whatever its registry says. What is built here has none."""
    (base,) = re.findall(r"^FROM (\S+)", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    services = [found.get("image", "soleflip") for found in COMPOSE["services"].values()]
    outside = [image for image in [base, *services] if image != "soleflip"]
    assert len(outside) == 2
    for image in outside:
        assert re.fullmatch(r"docker\.io/library/\w+:[\w.-]+@sha256:[0-9a-f]{64}", image)


def test_only_loopback_is_published() -> None:
    """All else is reached inside the network of the containers only, by their names."""
    ports = [port for found in COMPOSE["services"].values() for port in found.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for name in ("DAGSTER_CODE_SERVER_HOST", "DAGSTER_WEBSERVER_HOST"):
        assert read_environment(DEPLOY / "dagster.env.example")[name] == "127.0.0.1"


def test_every_service_belongs_to_the_target() -> None:
    wanted = set(
        re.findall(r"soleflip-([a-z-]+)\.service", (UNITS / "soleflip.target").read_text())
    )
    assert wanted == set(SERVICES)
    for name in SERVICES:
        assert service(name)["PartOf"] == ["soleflip.target"]


def test_units_are_what_systemd_understands(tmp_path: Path) -> None:
    """But for the programs, which are not installed here."""
    analyze = program("systemd-analyze", "systemd")
    here = Path(shutil.which("true") or "/bin/true")
    for unit in UNITS.iterdir():
        text = re.sub(r"/opt/soleflip/\.venv/bin/\S+", str(here), unit.read_text())
        for name in (unit.name, unit.name.replace("@.", "@daemon.")):
            (tmp_path / name).write_text(text)
    units = [path for path in tmp_path.iterdir() if "@." not in path.name]
    done = subprocess.run(
        [analyze, "verify", *units],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_celery_is_dagster_yaml_and_the_launcher() -> None:
    celery = load(DEPLOY / "celery" / "dagster.yaml")
    del celery["run_launcher"]
    assert celery == load(FILES / "dagster.yaml")


def _require_valid(schema: Any, config: Any) -> None:
    """By Dagster's own check of configuration."""

    @dg.op(config_schema=schema)
    def configured() -> None: ...

    @dg.job
    def of_it() -> None:
        configured()

    dg.validate_run_config(of_it, {"ops": {"configured": {"config": config}}})


def test_celery_launcher_takes_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    require("dagster_celery")
    launcher = load(DEPLOY / "celery" / "dagster.yaml")["run_launcher"]
    # As Dagster finds it.
    found = getattr(importlib.import_module(launcher["module"]), launcher["class"])
    for name in ("SOLEFLIP_CELERY_BROKER", "SOLEFLIP_CELERY_BACKEND"):
        monkeypatch.setenv(name, "redis://127.0.0.1/0")
    _require_valid(found.config_type(), launcher["config"])


def _snake_case(value: Any) -> Any:
    """As the chart does with the keys it hands on, but for those that are Kubernetes' own."""
    return {re.sub(r"(?=[A-Z])", "_", key).lower(): found for key, found in value.items()}


def test_kubernetes_launcher_takes_its_configuration() -> None:
    require("dagster_k8s")
    from dagster_k8s import K8sRunLauncher  # noqa: PLC0415 optional

    launcher: Any = K8sRunLauncher
    values = load(DEPLOY / "kubernetes" / "values.yaml")
    assert values["runLauncher"]["type"] == K8sRunLauncher.__name__
    config = _snake_case(values["runLauncher"]["config"]["k8sRunLauncher"])
    config["run_k8s_config"] = _snake_case(config["run_k8s_config"])
    # What the chart adds.
    added = {"service_account_name": "soleflip", "instance_config_map": "soleflip-instance"}
    _require_valid(launcher.config_type(), config | added)


def test_kubernetes_starts_the_same_code() -> None:
    (deployment,) = load(DEPLOY / "kubernetes" / "values.yaml")["dagster-user-deployments"][
        "deployments"
    ]
    (command,) = service("code-server")["ExecStart"]
    assert shlex.split(command)[3:] == deployment["codeServerArgs"]


def test_image_holds_what_the_code_reads() -> None:
    """The files that a wheel carries: the image runs the code where it lies."""
    project = tomllib.loads((FILES / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    copied = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert carried.keys() <= {name for line in copied for name in line.split()}
