"""What a person sees and a script gets: width, colours, a line at once, exit codes, quiet and verbose."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.commands.terminal import EXIT_CODES
from soleflip_assets.ground.settings import FILES
from tests.conftest import Databases, connect
from tests.e2e.conftest import Soleflip
from tests.e2e.processes import SOLEFLIP, clean_environment
from tests.e2e.terminal import Terminal

# Dagster's own replace_config reads what Dagster itself deprecates; Apprise imports imghdr.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

COLOUR = re.compile("\x1b\\[[0-9;]*m")
COMMANDS = FILES / "docs" / "commands.md"


@pytest.fixture
def shop(databases: Databases) -> URL:
    """A deployed shop, of which a legacy row says something else."""
    return databases.deployed("busy")


def differ(shop: URL, rows: int) -> None:
    """Write past the triggers."""
    with connect(shop) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql(
            "UPDATE inventory.stock_financial SET vat_amount = vat_amount + 1 WHERE id IN "
            f"(SELECT id FROM inventory.stock_financial ORDER BY id LIMIT {rows})"
        )


@pytest.fixture
def environment(home: Path, dagster_storage: URL, shop: URL) -> dict[str, str]:
    found = clean_environment(
        SOLEFLIP_HOME=str(home),
        SOLEFLIP_DATABASE_URL=shop.render_as_string(hide_password=False),
        DAGSTER_POSTGRES_URL=dagster_storage.render_as_string(hide_password=False),
    )
    found.pop("NO_COLOR", None)
    return found


def test_in_a_terminal_of_80_columns_no_line_is_longer_and_marks_are_coloured(
    environment: dict[str, str],
) -> None:
    shown, code = Terminal([SOLEFLIP, "verify"], environment).ended()
    assert code == 0, shown
    assert "\x1b[32m✓\x1b[0m financial_data_consistent" in shown
    assert [line for line in COLOUR.sub("", shown).splitlines() if len(line) > 80] == []


def test_no_color_is_obeyed(environment: dict[str, str]) -> None:
    shown, code = Terminal([SOLEFLIP, "verify"], environment | {"NO_COLOR": "1"}).ended()
    assert code == 0, shown
    assert "✓ financial_data_consistent" in shown
    assert not COLOUR.search(shown)


def test_without_a_terminal_it_is_plain_and_a_sentence_is_a_line(
    environment: dict[str, str],
) -> None:
    """For grep; also without COLUMNS, TERM and LANG, as cron has it."""
    bare = {
        name: text
        for name, text in environment.items()
        if name not in {"COLUMNS", "TERM", "LANG", "LC_ALL"}
    }
    done = subprocess.run(
        [SOLEFLIP, "drop-legacy"], env=bare, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1, done.stderr
    assert not COLOUR.search(done.stdout + done.stderr)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("soleflip: inventory.stock_financial, ")
    assert last.endswith("What to do about each is told with it.")


def test_quiet_says_nothing_but_what_is_wrong(soleflip: Soleflip, shop: URL) -> None:
    assert soleflip("verify", "--quiet", url=shop).output == ""
    differ(shop, 1)
    result = soleflip("verify", "-q", url=shop)
    assert result.exit_code == 1
    (told,) = result.output.splitlines()
    assert told.startswith("soleflip: financial_data_consistent failed: ")
    assert told.endswith("docs/runbook.md#financial_data_consistent.")


def test_verify_prints_the_numbers_it_compared_on_standard_output(
    soleflip: Soleflip, shop: URL
) -> None:
    result = soleflip("verify", url=shop)
    lines = result.stdout.splitlines()
    where = lines.index("✓ financial_data_consistent")
    assert re.match(r"    consistent [\d,]{3,}, inconsistent 0, ", lines[where + 1])
    assert "✓ Verified: 11 validations passed. Took " in result.stdout


def test_long_list_is_summarised_and_verbose_shows_all(soleflip: Soleflip, shop: URL) -> None:
    differ(shop, 40)
    short = soleflip("resync", "--dry-run", url=shop)
    (left,) = re.findall(r"^  … and (\d+) more: --verbose lists them$", short.stdout, re.MULTILINE)
    # What is done to a row that is set aside is no difference.
    total = 10 + int(left)
    assert total > 30
    long = soleflip("resync", "--dry-run", "--verbose", url=shop)
    assert len(re.findall(r" stock(?:_financial)?\.vat_amount ", long.stdout)) == total
    assert f"Nothing was changed; {total} facts of {total} stock rows would be." in long.stdout


def test_resync_is_the_remedy_that_the_refusal_leads_to(soleflip: Soleflip, shop: URL) -> None:
    """From red to green, and what was there before is written down."""
    differ(shop, 2)
    assert soleflip("verify", "-q", url=shop).exit_code == 1
    result = soleflip("resync", url=shop)
    assert result.exit_code == 0, result.output
    assert "✓ Carried 2 facts of 2 stock rows. Took " in result.stdout
    report = Path(re.search(r"^  report  (.+)$", result.stdout, re.MULTILINE)[1])  # type: ignore[index]
    assert report.read_text().count("stock_financial") == 2
    assert soleflip("verify", "-q", url=shop).exit_code == 0


def test_exit_codes_are_those_of_the_page_and_of_the_help(soleflip: Soleflip) -> None:
    """130 and 143 are seen in test_interruptions.py, 2 in test_wrong_inputs.py."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", COMMANDS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == EXIT_CODES
    told = " ".join(soleflip("--help").output.split())
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in told


def test_each_exit_code(soleflip: Soleflip, shop: URL) -> None:
    assert soleflip("health", "database", url=shop).exit_code == 0
    assert soleflip("health", "daemon", url=shop).exit_code == 1
    assert soleflip("health", "printer", url=shop).exit_code == 2


def test_ctrl_c_in_a_terminal(environment: dict[str, str], shop: URL) -> None:
    with connect(shop) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("LOCK TABLE inventory.stock IN ACCESS EXCLUSIVE MODE")
        terminal = Terminal([SOLEFLIP, "verify"], environment)
        terminal.until("waiting, ")
        terminal.press_ctrl_c()
        shown, code = terminal.ended()
    assert code == 130, shown
    assert "ended by Ctrl-C" in " ".join(shown.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_as_the_page_says(shell: str) -> None:
    """The page's line asks the program for the script of a shell, and that asks it for what fits."""
    assert f"_SOLEFLIP_COMPLETE={shell}_source soleflip" in COMMANDS.read_text(encoding="utf-8")
    script = subprocess.run(
        [SOLEFLIP], env=os.environ | {"_SOLEFLIP_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "_soleflip_completion" in script.stdout, script.stderr
    asked = {
        "_SOLEFLIP_COMPLETE": "bash_complete",
        "COMP_WORDS": "soleflip drop-",
        "COMP_CWORD": "1",
    }
    fits = subprocess.run(
        [SOLEFLIP], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert {line.partition(",")[2] for line in fits.stdout.splitlines()} == {
        "drop-legacy",
        "drop-backups",
    }
