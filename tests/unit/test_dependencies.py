"""`make lint` fails on a dependency that is undeclared, unused, or not the library's to import."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
READ = ("pyproject.toml", "soleflip_assets", "tests", "benchmarks", "examples", ".ci")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What deptry reads of the checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in READ:
        source, target = CHECKOUT / name, copy / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return copy


def findings(copy: Path) -> set[tuple[str, str]]:
    """Code and distribution of what the lines of `make lint` with deptry fail on."""
    makefile = (CHECKOUT / "Makefile").read_text()
    commands = re.findall(r"^\t\$\(BIN\)/deptry (.+)$", makefile, re.MULTILINE)
    assert commands
    found = set()
    for arguments in commands:
        done = subprocess.run(
            [sys.executable, "-m", "deptry", "--no-ansi", *shlex.split(arguments)],
            cwd=copy, capture_output=True, text=True, check=False,
        )  # fmt: skip
        told = re.findall(r": (DEP\d+) '([\w.-]+)'", done.stderr)
        assert (done.returncode != 0) == bool(told), done.stderr
        found |= set(told)
    return found


# An import in a module, and what it is found to be.
PLANTED = [
    ("soleflip_assets/planted.py", "requests", ("DEP003", "requests")),
    ("soleflip_assets/planted.py", "nowhere", ("DEP001", "nowhere")),
    ("soleflip_assets/planted.py", "hypothesis", ("DEP004", "hypothesis")),
    ("soleflip_assets/inventory/planted.py", "click", ("DEP004", "click")),
    ("tests/planted.py", "urllib3", ("DEP003", "urllib3")),
    (".ci/planted.py", "elsewhere", ("DEP001", "elsewhere")),
]


def test_import_of_what_is_not_declared_is_found(copy: Path) -> None:
    expected = {finding for _, _, finding in PLANTED}
    assert findings(copy) & expected == set()
    for module, imported, _ in PLANTED:
        with (copy / module).open("a") as planted:
            planted.write(f"import {imported}\n")
    try:
        assert expected <= findings(copy)
    finally:
        for module in {module for module, _, _ in PLANTED}:
            (copy / module).unlink()


def test_dependency_that_nothing_imports_is_found(copy: Path) -> None:
    project = copy / "pyproject.toml"
    text = project.read_text()
    project.write_text(text.replace("platform = [", 'platform = [\n    "requests",'))
    try:
        assert ("DEP002", "requests") in findings(copy)
    finally:
        project.write_text(text)
