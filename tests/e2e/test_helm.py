"""deploy/kubernetes/values.yaml as Helm renders it with Dagster's own chart, and Dagster reads the outcome.

Opt-in, since Helm and the chart come from elsewhere: `make helm CHART=FOLDER` sets HELM_CHART to the chart's
folder and HELM to the file that says what came of it (needs `helm`, which the package helm-binary has, too).
"""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._config import validate_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.scheduler.instigation import InstigatorType

from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.commands.health import COMPONENTS
from soleflip_assets.ground.settings import FILES
from tests.conftest import Databases, missing
from tests.e2e.topology import read_environment

pytestmark = pytest.mark.skipif(
    not {"HELM", "HELM_CHART"} <= os.environ.keys(),
    reason="set HELM_CHART, to the chart's folder, and HELM, to the file that tells of it",
)

VALUES = FILES / "deploy" / "kubernetes" / "values.yaml"
ENVIRONMENT = read_environment(FILES / "deploy" / "dagster.env.example")
# Where each container's image has to come from: a registry of whoever installs it.
REGISTRY = "registry.example.internal/"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")

# Where the chart's dagster.yaml may say something else than ours, and why. Another difference is a fault.
MAY_DIFFER = {
    "storage": "the chart writes Dagster's own; Dagster refuses a second one beside it",
    "run launcher": "a pod for each run",
    "terminal output of runs": "the pod's own log has it",
    "start_timeout_seconds": "a machine may have to fetch the image first",
}

# Each is one thing that the chart starts: the deployment's name, and what its container executes.
PROGRAMS = {
    "soleflip-dagster-user-deployments-soleflip": "dagster code-server start -h 0.0.0.0 -p 4000 "
    "--module-name soleflip_assets.definitions --attribute defs --location-name soleflip",
    "soleflip-dagster-daemon": "/bin/bash -c dagster-daemon run -w /dagster-workspace/workspace.yaml",
    "soleflip-dagster-webserver": "/bin/bash -c dagster-webserver -h 0.0.0.0 -p 3000 "
    "-w /dagster-workspace/workspace.yaml",
    "soleflip-dagster-webserver-read-only": "/bin/bash -c dagster-webserver -h 0.0.0.0 -p 3000 "
    "-w /dagster-workspace/workspace.yaml --read-only",
}


class Chart:
    """Dagster's chart, and the program that renders it.

    Attributes:
        differences: what the chart's dagster.yaml says otherwise than ours, a row each.
    """

    def __init__(self) -> None:
        self.folder = Path(os.environ["HELM_CHART"])
        places = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
        self._helm = shutil.which("helm", path=places) or missing("helm", "install helm-binary")
        self.version = str(yaml.safe_load((self.folder / "Chart.yaml").read_text())["version"])
        self.differences: list[tuple[str, str, str, str]] = []

    def helm(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._helm, *arguments], capture_output=True, text=True, timeout=120, check=False
        )

    def try_to_render(self, *values: Path) -> subprocess.CompletedProcess[str]:
        options = [f"--values={file}" for file in values]
        return self.helm("template", "soleflip", self.folder, *options)

    def render(self, *values: Path) -> list[dict[str, Any]]:
        """The objects that Kubernetes would be given; where files contradict, the last one holds."""
        done = self.try_to_render(*values)
        assert done.returncode == 0, done.stderr
        return [found for found in yaml.safe_load_all(done.stdout) if found]


@pytest.fixture(scope="module")
def chart(request: pytest.FixtureRequest) -> Iterator[Chart]:
    """The chart; what came of it is written down where no test of it failed."""
    chart = Chart()
    yield chart
    if not request.session.testsfailed:
        _write_down(chart)


@pytest.fixture(scope="module")
def objects(chart: Chart) -> list[dict[str, Any]]:
    return chart.render(VALUES)


@pytest.fixture(scope="module")
def pods(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The pod's description of each deployment."""
    return {
        found["metadata"]["name"]: found["spec"]["template"]["spec"]
        for found in objects
        if found["kind"] == "Deployment"
    }


def container(pod: Mapping[str, Any]) -> Any:
    """The one that does a pod's work."""
    (found,) = pod["containers"]
    return found


def test_chart_takes_the_values(chart: Chart) -> None:
    """Helm checks them against the chart's schema."""
    done = chart.helm("lint", chart.folder, f"--values={VALUES}")
    assert done.returncode == 0, done.stdout + done.stderr


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path to each value that is neither a map nor a list."""
    if isinstance(value, dict | list):
        for key, found in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(found, (*path, key))
    else:
        yield path


def changed(values: Any, path: tuple[str | int, ...]) -> Any:
    """The values with another one at a path."""
    values = copy.deepcopy(values)
    *way, last = path
    place = values
    for key in way:
        place = place[key]
    match place[last]:
        case bool(value):
            place[last] = not value
        case int(value):
            place[last] = value + 1
        case value:
            place[last] = f"{value or 'something'}-else"
    return values


def test_no_value_is_ignored(chart: Chart, tmp_path: Path) -> None:
    """With another one in its place, other objects come out, or the chart refuses: it reads each of ours."""
    values = yaml.safe_load(VALUES.read_text())
    before = chart.try_to_render(VALUES).stdout
    paths = list(leaves(values))
    assert len(paths) > 100

    def is_ignored(number: int) -> bool:
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(changed(values, paths[number])))
        done = chart.try_to_render(file)
        return done.returncode == 0 and done.stdout == before

    with ThreadPoolExecutor(2) as threads:
        ignored = [
            path
            for path, found in zip(paths, threads.map(is_ignored, range(len(paths))), strict=True)
            if found
        ]
    assert ignored == []


def test_every_image_is_of_our_registry(pods: Mapping[str, Any]) -> None:
    images = {
        found["image"]
        for pod in pods.values()
        for found in [*pod.get("initContainers", ()), *pod["containers"]]
    }
    assert images == {f"{REGISTRY}soleflip:0.2.0", f"{REGISTRY}busybox:1.28"}


def test_each_process_is_the_chart_s_with_our_code(pods: Mapping[str, Any]) -> None:
    programs = {
        name: " ".join([*container(pod).get("command", ()), *container(pod).get("args", ())])
        for name, pod in pods.items()
    }
    assert programs == PROGRAMS


def test_each_process_is_looked_after_by_the_health_command(pods: Mapping[str, Any]) -> None:
    """From its start on, and by one kind of look: with two, Kubernetes refuses the pod."""
    for name, pod in pods.items():
        probes = {probe: container(pod).get(probe) for probe in PROBES}
        # The daemon gets no requests: nobody asks whether it is ready for them.
        without = {"readinessProbe"} if name.endswith("daemon") else set()
        assert {probe for probe, found in probes.items() if not found} == without
        for probe, found in probes.items():
            if found:
                assert found.keys() & {"exec", "httpGet", "tcpSocket", "grpc"} == {"exec"}
                program, verb, component, *options = found["exec"]["command"]
                assert (program, verb) == ("soleflip", "health")
                assert component in COMPONENTS
                assert ("--ready" in options) == (probe == "readinessProbe")


def test_secrets_are_those_that_the_page_says_to_make(pods: Mapping[str, Any]) -> None:
    wanted = set()
    for pod in pods.values():
        sources = [*container(pod).get("envFrom", ()), *container(pod).get("env", ())]
        for source in sources:
            found = source.get("secretRef") or source.get("valueFrom", {}).get("secretKeyRef")
            if found and not found.get("optional"):
                wanted.add(found["name"])
    told = re.findall(r"kubectl create secret generic (\S+)", VALUES.read_text())
    assert wanted == set(told)


def test_environment_is_that_of_the_other_ways(pods: Mapping[str, Any]) -> None:
    """Where a variable decides what our code or a probe does."""
    variables = {
        name: {found["name"]: found.get("value") for found in container(pod)["env"]}
        for name, pod in pods.items()
    }
    tolerance = "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE"
    assert variables["soleflip-dagster-daemon"][tolerance] == ENVIRONMENT[tolerance]
    code_server = variables["soleflip-dagster-user-deployments-soleflip"]
    for name in ("SOLEFLIP_HOME", "DAGSTER_GRPC_PROXY_HEARTBEAT_TTL_SECONDS", "SOLEFLIP_UI_URL"):
        assert code_server[name] == ENVIRONMENT[name]


def instance_said(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What a dagster.yaml decides, as Dagster understands it: its own defaults are in it."""
    ref = instance.get_ref()
    launcher, logs, storage = ref.run_launcher_data, ref.compute_logs_data, ref.storage_data
    monitoring = instance.get_settings("run_monitoring")
    return {
        "storage": storage.class_name if storage else None,
        "run launcher": launcher.class_name if launcher else None,
        "terminal output of runs": logs.class_name if logs else None,
        "run coordinator": type(instance.run_coordinator).__name__,
        "scheduler": type(instance.scheduler).__name__,
        "max_tick_retries": getattr(instance.scheduler, "max_tick_retries", None),
        "schedules": instance.get_settings("schedules"),
        "sensors": instance.get_settings("sensors"),
        "run_monitoring": instance.run_monitoring_enabled,
        "start_timeout_seconds": instance.run_monitoring_start_timeout_seconds,
        "cancel_timeout_seconds": instance.run_monitoring_cancel_timeout_seconds,
        "max_runtime_seconds": monitoring.get("max_runtime_seconds"),
        "poll_interval_seconds": instance.run_monitoring_poll_interval_seconds,
        "max_resume_run_attempts": instance.run_monitoring_max_resume_run_attempts,
        "run_retries": (instance.run_retries_enabled, instance.run_retries_max_retries),
        "concurrency": instance.get_concurrency_config(),
        "retention of schedules' ticks": instance.get_tick_retention_settings(
            InstigatorType.SCHEDULE
        ),
        "retention of sensors' ticks": instance.get_tick_retention_settings(InstigatorType.SENSOR),
        "telemetry": instance.telemetry_enabled,
        "nux": instance.nux_enabled,
    }


def test_dagster_reads_what_our_dagster_yaml_says(
    chart: Chart, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each loaded by Dagster, with its storage in a PostgreSQL; what may differ is named, and why."""
    url = databases.dagster()
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "none")
    monkeypatch.setenv(
        "DAGSTER_POSTGRES_URL",
        url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False),
    )
    there = tmp_path / "there.yaml"
    there.write_text(
        yaml.safe_dump(
            {
                "postgresql": {
                    "postgresqlHost": "",
                    "postgresqlUsername": url.username,
                    "postgresqlDatabase": url.database,
                    "postgresqlParams": {"host": url.query["host"]},
                }
            }
        )
    )
    (theirs_yaml,) = (
        found["data"]["dagster.yaml"]
        for found in chart.render(VALUES, there)
        if found["metadata"]["name"] == "soleflip-dagster-instance"
    )
    said = {}
    for name, text in (
        ("theirs", theirs_yaml),
        ("ours", (FILES / "dagster.yaml").read_text(encoding="utf-8")),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "dagster.yaml").write_text(text)
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            said[name] = instance_said(instance)

    ours, theirs = said["ours"], said["theirs"]
    differing = {name for name in ours if ours[name] != theirs[name]}
    chart.differences = [
        (name, str(ours[name]), str(theirs[name]), MAY_DIFFER.get(name, "?"))
        for name in ours
        if name in differing
    ]
    assert differing == MAY_DIFFER.keys(), chart.differences


def test_launcher_takes_its_configuration(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    """It can be made inside a cluster only; what it is given is checked as Dagster does then."""
    k8s = pytest.importorskip("dagster_k8s", reason="make clusters")
    (text,) = (
        found["data"]["dagster.yaml"]
        for found in objects
        if found["metadata"]["name"] == "soleflip-dagster-instance"
    )
    (tmp_path / "dagster.yaml").write_text(text)
    launcher = InstanceRef.from_dir(str(tmp_path)).run_launcher_data
    assert launcher is not None
    checked = validate_config(k8s.K8sRunLauncher.config_type(), launcher.config_dict)
    assert checked.success, checked.errors


def _write_down(chart: Chart) -> None:
    """What came of it, for the file that HELM names."""
    version = chart.helm("version", "--short").stdout.strip()
    kinds = sorted(Counter(found["kind"] for found in chart.render(VALUES)).items())
    values = len(list(leaves(yaml.safe_load(VALUES.read_text()))))
    text = f"""# Helm

Written by `make helm` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: Helm {version}, Dagster's chart
{chart.version}, Dagster {dg.__version__}. Nothing was installed in a cluster.

- The chart's schema takes `deploy/kubernetes/values.yaml`; each of its {values} values is read: with another
  one in its place something else is rendered, or the chart refuses.
- Rendered: {", ".join(f"{count} {kind}" for kind, count in kinds)}.
- Each image is of the registry that values.yaml names, each probe is `soleflip health`, and the secrets are
  those that values.yaml says to make.
- Dagster loads the rendered dagster.yaml, with its storage in PostgreSQL, and understands what ours says, but
  for:

{markdown_table(("what", "ours", "the chart's", "why"), chart.differences)}
"""
    Path(os.environ["HELM"]).write_text(text, encoding="utf-8")
