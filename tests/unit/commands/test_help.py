"""The command line explains itself: nothing without a description, no variable that is not named."""

import inspect
import re
import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from soleflip_assets.commands.cli import SECTIONS, main
from soleflip_assets.ground.settings import FILES

COMMANDS = {**main.commands, "": main}
VARIABLE = re.compile(r'"((?:SOLEFLIP|DAGSTER_POSTGRES)_[A-Z_]+)"')


def help_of(command: str) -> str:
    result = CliRunner().invoke(main, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output
    return result.output


def examples_of(command: click.Command) -> list[str]:
    """The command lines of its examples, without what they are for: beside them, or below."""
    lines = (command.epilog or "").splitlines()[2:]
    return [re.split(r" {2,}", line.strip())[0] for line in lines if not line.startswith(" " * 6)]


def parsed(line: str) -> None:
    """Let click parse a command line as a shell would hand it over, without running it.

    Raises:
        click.UsageError: there is no such command or option.
    """
    words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    if ">" in words:
        words = words[: words.index(">")]
    assert words[0] == "soleflip"
    if words[1:]:
        main.commands[words[1]].make_context(words[1], words[2:])


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_described(name: str) -> None:
    """By a line that the list of commands does not cut short, and by more than that line."""
    command = COMMANDS[name]
    assert command.help is not None
    first, *paragraphs = command.help.strip().split("\n\n")
    assert first.endswith(".")
    assert not command.get_short_help_str(80).endswith("...")
    assert paragraphs


@pytest.mark.parametrize("section", SECTIONS)
def test_section_lists_its_commands_in_their_own_words(section: str) -> None:
    """It is written without loading them."""
    for name, (_, line) in SECTIONS[section].items():
        assert COMMANDS[name].get_short_help_str(80) == line


@pytest.mark.parametrize("arguments", [["--help"], ["health", "--help"]], ids=" ".join)
def test_what_is_asked_often_does_not_wait_for_dagster(arguments: list[str]) -> None:
    """It takes a second to load, `soleflip health` runs every half a minute beside each process."""
    script = (
        "import sys; from click.testing import CliRunner; from soleflip_assets.commands.cli import main; "
        f"result = CliRunner().invoke(main, {arguments}); "
        "print(result.exit_code, [name for name in sys.modules if name.partition('.')[0] == 'dagster'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "0 []"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name])
def test_command_says_what_it_writes_and_when_it_fails(name: str) -> None:
    text = inspect.cleandoc(COMMANDS[name].help or "")
    assert "\nWrites: " in text
    assert "\nExits with " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_option_is_described(name: str) -> None:
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help
            assert parameter.help.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_commands_that_there_are(name: str) -> None:
    command = COMMANDS[name]
    examples = examples_of(command)
    assert examples
    for example in examples:
        assert f"soleflip {name}".rstrip() in example
        parsed(example)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_fit_into_80_columns(name: str) -> None:
    assert [line for line in (COMMANDS[name].epilog or "").splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name])
def test_command_can_be_quiet_and_verbose(name: str) -> None:
    """Or, of a group, each of its commands."""
    command = COMMANDS[name]
    for one in [*command.commands.values()] if isinstance(command, click.Group) else [command]:
        told = {option for parameter in one.params for option in parameter.opts}
        assert {"-q", "--quiet", "-v", "--verbose"} <= told


def test_every_command_has_its_section() -> None:
    listed = [name for commands in SECTIONS.values() for name in commands]
    assert sorted(listed) == sorted(main.commands)
    assert re.findall(r"^  ([a-z][a-z-]+)  ", help_of(""), re.MULTILINE)[: len(listed)] == listed


def test_every_variable_that_is_read_is_named_in_the_help_and_in_its_page() -> None:
    sources = (FILES / "soleflip_assets").rglob("*.py")
    read = {name for path in sources for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert len(read) > 10
    told = help_of("")
    page = (FILES / "docs" / "settings.md").read_text(encoding="utf-8")
    assert {name for name in read if name not in told} == set()
    assert {name for name in read if f"`{name}`" not in page} == set()


def test_bench_without_the_tools_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `make install`, which brings what running needs only."""
    monkeypatch.setitem(sys.modules, "pygal", None)
    result = CliRunner().invoke(main, ["bench", "--help"])
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
    assert "make tools" in result.output
