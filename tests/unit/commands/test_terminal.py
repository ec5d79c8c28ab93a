"""How the command line puts lengths of time, numbers, lists and tables, and how wide it is."""

import os
import subprocess
import sys

import psycopg2
import pytest
from sqlalchemy.exc import OperationalError

from soleflip_assets.commands import terminal
from soleflip_assets.ground.errors import innermost


class Cause:
    """An error as Dagster keeps it."""

    def __init__(self, message: str, cause: "Cause | None" = None) -> None:
        self.message = message
        self.cause = cause


def test_broken_connection_outside_of_a_step_is_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Dagster's storage is gone while it records an event; SQLAlchemy adds the statement and its values."""
    gone = psycopg2.OperationalError("server closed the connection unexpectedly\n\tThis probably")
    with pytest.raises(SystemExit) as ended, terminal.server_errors():
        raise OperationalError("INSERT INTO event_logs", {"event": "…"}, gone)
    assert ended.value.code == terminal.EXIT_FAILED
    assert capsys.readouterr().err.replace("\n    ", " ") == (
        "soleflip: the connection to Dagster's storage broke (server closed the connection unexpectedly): "
        "see that the server runs, then run the same command again, and it resumes.\n"
    )


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError), terminal.server_errors():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("streams", "code", "told"),
    [
        (
            ">/dev/full",
            1,
            "soleflip: standard output could not be written (No space left on device)",
        ),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        ("| true", 0, ""),
    ],
)
def test_output_that_nobody_takes_ends_in_no_traceback(streams: str, code: int, told: str) -> None:
    """Closed, it also takes its number back: a file or a socket of ours must not get it."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m soleflip_assets settings {streams}"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr[: len(told) or None] == told


def test_mark_that_a_terminal_cannot_show_is_a_question_mark() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "soleflip_assets", "settings"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\n? All " in done.stdout


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (18.2, "18 s"),
        (59.9, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
    ],
)
def test_duration(seconds: float, told: str) -> None:
    assert terminal.duration(seconds) == told


def test_number_has_its_word() -> None:
    assert terminal.counted(1, "row") == "1 row"
    assert terminal.counted(1172, "row") == "1,172 rows"
    assert terminal.counted(0, "entry", "entries") == "0 entries"


def test_long_list_says_how_many_more_there_are() -> None:
    terminal.begin()
    names = [str(number) for number in range(8)]
    assert terminal.listed(names) == "0, 1, 2, 3, 4 and 3 more (--verbose lists them)"
    assert terminal.listed(names[:5]) == "0, 1, 2, 3, 4"
    assert terminal.lines_of(names, most=7) == [*names[:7], "… and 1 more: --verbose lists them"]


def test_table_sets_numbers_to_the_right() -> None:
    assert terminal.table(["month", "rows"], [["2026-01", 1172], ["2026-02", 3]]) == [
        "month     rows",
        "2026-01  1,172",
        "2026-02      3",
    ]
    assert terminal.table(["month", "rows"], []) == ["month  rows"]


@pytest.mark.parametrize(
    ("columns", "width"), [("", 80), ("80", 80), ("20", 40), ("300", 100), ("wide", 80)]
)
def test_width_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.__stdout__", None)
    assert terminal.width() == width


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Cause("dagster._core.definitions.events.Failure: No view: deploy."), "No view: deploy."),
        (
            Cause("dagster.StepError: in step", Cause("soleflip_assets.x.YError: It is locked: wait.")),
            "It is locked: wait.",
        ),
        (
            Cause("sqlalchemy.exc.ProgrammingError: (psycopg.errors.UndefinedTable) no relation x\n[SQL: …]"),
            "no relation x",
        ),
        (Cause("ValueError: bad: very bad"), "bad: very bad"),
        (Cause("stock_x: y"), "stock_x: y"),
    ],
)  # fmt: skip
def test_no_class_name_is_told(error: Cause, told: str) -> None:
    """U4."""
    assert innermost(error) == told
