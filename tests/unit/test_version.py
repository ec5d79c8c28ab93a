"""The version means something: it is in one place, has a section of the changelog, and --version says it."""

import re
import tomllib

from click.testing import CliRunner

from soleflip_assets import __version__
from soleflip_assets.commands.cli import main
from soleflip_assets.deploying import ledger
from soleflip_assets.ground.settings import FILES


def test_newest_section_of_the_changelog_is_this_versions() -> None:
    changelog = (FILES / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, flags=re.MULTILINE)[0] == __version__


def test_it_is_numbers_and_written_once() -> None:
    project = tomllib.loads((FILES / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert "version" not in project
    assert "version" in project["dynamic"]


def test_command_line_and_ledger_say_it() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"soleflip, version {__version__}\n"
    assert __version__ == ledger.VERSION
