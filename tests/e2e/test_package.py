"""What is built from the repo: a wheel and an sdist that hold the same, and that work anywhere.

The wheel is installed alone into an environment of its own, which finds the dependencies in this one: that
they install from the lock is what `make install` shows.
"""

import importlib.metadata
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from soleflip_assets.ground.settings import FILES
from tests.conftest import open_folder
from tests.e2e.packages import build
from tests.e2e.processes import Up, clean_environment, processes_of

# What `soleflip up` starts beside itself.
PROGRAMS = ("dagster-webserver", "dagster-daemon")


def contents(wheel: Path) -> dict[str, bytes]:
    """Each file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    return build(FILES, folder / "wheel", "wheel")


@pytest.fixture(scope="module")
def installed(folder: Path, wheel: Path) -> Path:
    """The programs' folder of an environment that has the wheel and not the checkout."""
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    (site,) = environment.glob("lib/python*/site-packages")
    # A path of this kind brings its packages; its own .pth files, and so the checkout, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*pip, "--ignore-installed", wheel], check=True, capture_output=True)
    for program in importlib.metadata.entry_points(group="console_scripts"):
        if program.name in PROGRAMS:
            script = python.with_name(program.name)
            script.write_text(
                f"#!{python}\nfrom {program.module} import {program.attr}\n{program.attr}()\n"
            )
            script.chmod(0o755)
    return python.parent


def test_wheel_holds_all_that_is_read_at_run_time(wheel: Path) -> None:
    read = [path for path in (FILES / "sql").rglob("*") if path.is_file()]
    read += [FILES / "workspace.yaml", FILES / "dagster.yaml", FILES / "docs" / "runbook.md"]
    assert len(read) > 100

    packed = contents(wheel)

    for path in read:
        name = f"soleflip_assets/_files/{path.relative_to(FILES)}"
        assert packed.get(name) == path.read_bytes(), name


def test_wheel_built_from_the_sdist_is_the_same(folder: Path, wheel: Path) -> None:
    sdist = build(FILES, folder / "sdist", "sdist")
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    # Not tarfile, whose `filter` Debian's Python 3.11.2 does not know and later ones ask for.
    subprocess.run(["tar", "-xzf", sdist, "-C", unpacked], check=True)
    (source,) = unpacked.iterdir()
    assert (source / "requirements.lock").is_file()

    from_sdist = build(source, folder / "wheel_of_sdist", "wheel")

    assert contents(from_sdist) == contents(wheel)


def test_up_works_from_another_folder(folder: Path, installed: Path) -> None:
    """Only what the wheel brought is run; without SOLEFLIP_HOME the state goes where one stands."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(mode=0o711)
    shown = (
        "from soleflip_assets.ground import settings;"
        " print(settings.__file__, settings.FILES, settings.Settings.from_environment().home)"
    )
    asked = subprocess.run(
        [installed / "python", "-c", shown],
        cwd=elsewhere, env=clean_environment(), check=True, capture_output=True, text=True,
    )  # fmt: skip
    module, files, home = (Path(path) for path in asked.stdout.split())
    assert module.is_relative_to(installed.parent)
    assert files == module.parents[1] / "_files"
    assert home == elsewhere / ".soleflip"

    up = Up(home, command=[installed / "soleflip", "up"], folder=elsewhere)
    try:
        with urllib.request.urlopen(up.await_url(), timeout=30) as answer:  # noqa: S310 our own
            assert answer.status == 200
        assert up.child("webserver").is_running()
    finally:
        assert up.stop(signal.SIGTERM) == 0
    assert processes_of(home) == []
    assert [path.name for path in elsewhere.iterdir()] == [".soleflip"]


def test_benchmarks_are_said_not_to_be_in_the_wheel(folder: Path, installed: Path) -> None:
    done = subprocess.run(
        [installed / "soleflip", "bench"],
        env=clean_environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("soleflip: ")
    assert "run this in a checkout" in done.stderr
    assert len(done.stderr.splitlines()) == 1
