"""What the application installs: the library alone, small, typed, and enough to sell a pair.

pip installs the built wheel into an environment that has nothing else, not even pip. The dependencies come
from an index of this environment's own distributions (packages.py), so no network is needed.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Databases, open_folder
from tests.e2e.packages import build, index_of_what_is_installed

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "reserve_from_a_handler.py"

# What it was before the library could be installed alone: 85 distributions, 302 MB.
MOST_DISTRIBUTIONS = 10
MOST_MEGABYTES = 60

# A mistake of each kind in the example: what is written, and what is written instead.
MISTAKES = {
    "wrong_type": ("stock_id, 1, reserved_by", 'stock_id, "1", reserved_by'),
    "misspelt_attribute": ('sale.status == "active"', 'sale.state == "active"'),
    "forgotten_await": (
        "(await inventory.details(stock_id)).item",
        "inventory.details(stock_id).item",
    ),
    "misspelt_argument": ("ask_price=219", "price=219"),
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def run(folder: Path, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with nothing of this environment's but the variables named."""
    environment = {"PATH": os.defpath, "HOME": str(folder), **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def python(folder: Path) -> Path:
    """The interpreter of an environment in which `pip install soleflip-assets` was all that happened."""
    wheel = build(CHECKOUT, folder / "wheel", "wheel")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    with index_of_what_is_installed() as index:
        done = run(
            folder, *pip, "install", "--no-cache-dir", "--index-url", index, wheel,
            PIP_CONFIG_FILE=os.devnull,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return python


@pytest.fixture(scope="module")
def site(python: Path) -> Path:
    """The folder of that environment's packages."""
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    return site


def test_it_is_few_and_small(site: Path) -> None:
    names = [found.name for found in importlib.metadata.distributions(path=[str(site)])]
    assert "soleflip-assets" in names
    assert len(names) <= MOST_DISTRIBUTIONS, names

    megabytes = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
    assert megabytes <= MOST_MEGABYTES


def test_example_sells_a_pair(folder: Path, python: Path, databases: Databases) -> None:
    """Once for each order, and none that is not there: on a real database, from that environment."""
    url = databases.deployed("production").set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        found = connection.execute(
            "UPDATE inventory.stock SET quantity = 1"
            " WHERE id = (SELECT min(id::text)::uuid FROM inventory.stock) RETURNING id"
        ).fetchone()
        assert found is not None
        stock_id = str(found[0])
        shop = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)

        answers = []
        for order in ("order-1", "order-1", "order-2"):
            done = run(folder, python, "-W", "error", EXAMPLE, shop, stock_id, order)
            assert done.returncode == 0, done.stderr
            answers.append(done.stdout.strip())

        ledger = connection.execute(
            "SELECT id, reserved_by, status FROM inventory.stock_reservation WHERE stock_id = %s",
            [stock_id],
        ).fetchall()
        stock = connection.execute(
            "SELECT quantity, reserved_quantity FROM inventory.stock WHERE id = %s", [stock_id]
        ).fetchone()
    ((reservation, reserved_by, status),) = ledger
    sold = f'201 {{"reservation": "{reservation}", "left": 0}}'
    assert answers == [sold, sold, '409 {"available": 0, "requested": 1}']
    assert (reserved_by, status, stock) == ("order-1", "fulfilled", (0, 0))


@pytest.mark.parametrize("command", [["soleflip"], ["python", "-m", "soleflip_assets"]])
def test_command_line_says_what_to_install(folder: Path, python: Path, command: list[str]) -> None:
    program, *arguments = command
    done = run(folder, python.with_name(program), *arguments, "up")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("soleflip: ")
    assert "pip install 'soleflip-assets[platform]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def planted(folder: Path) -> dict[str, set[int]]:
    """Copies of the example in ``folder / "typed"``: which lines of each are wrong."""
    typed = folder / "typed"
    typed.mkdir()
    text = EXAMPLE.read_text(encoding="utf-8")
    (typed / "right.py").write_text(text, encoding="utf-8")
    lines: dict[str, set[int]] = {"right": set()}
    for name, (right, wrong) in MISTAKES.items():
        before, found, after = text.partition(right)
        assert found
        (typed / f"{name}.py").write_text(before + wrong + after, encoding="utf-8")
        lines[name] = {before.count("\n") + 1}
    return lines


def test_mypy_sees_the_mistakes_and_no_other(
    folder: Path, python: Path, planted: dict[str, set[int]]
) -> None:
    """By py.typed, without which every name of the library is Any, and --strict says that of each."""
    mypy = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", folder / "mypy")
    done = run(folder / "typed", *mypy, "--python-executable", python, ".")

    seen: dict[str, set[int]] = {name: set() for name in planted}
    for name, line in re.findall(r"^(\w+)\.py:(\d+): error:", done.stdout, re.MULTILINE):
        seen[name].add(int(line))
    assert seen == planted, done.stdout + done.stderr


def test_pyright_sees_the_mistakes_and_no_other(
    folder: Path, python: Path, planted: dict[str, set[int]]
) -> None:
    pyright = (sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", python)
    # On the path for a node of the machine's, where pyright was installed without its own.
    done = run(folder / "typed", *pyright, ".", PATH=os.environ["PATH"])

    seen: dict[str, set[int]] = {name: set() for name in planted}
    for found in json.loads(done.stdout)["generalDiagnostics"]:
        seen[Path(found["file"]).stem].add(found["range"]["start"]["line"] + 1)
    assert seen == planted, done.stdout + done.stderr
