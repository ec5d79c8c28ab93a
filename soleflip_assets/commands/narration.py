"""What is told of a run while it goes on, from its events: assets, checks with their numbers, failures.

Passed checks are counted in the line of their asset, unless ``--verbose`` asks for each; a failed one is
told with what it means and its numbers. Here: words. Not here: running a job (runs.py), or what any check
compares.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from soleflip_assets.checks.shown import FIRST
from soleflip_assets.commands.terminal import counted, is_verbose, mark, say, tell
from soleflip_assets.ground.errors import (
    DATABASE,
    STORAGE,
    fault_of,
    follows_a_broken_connection,
    innermost,
    is_of_a_check,
    is_ours,
    told_broken,
)
from soleflip_assets.ground.settings import Settings

_DEBUG = 10
# A text is told of a check that passed up to this length, as fingerprints are longer; of one that failed, of
# up to a line.
_SHORT, _LINE = 16, 80
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
# Ends are told of whole lists only; of these the first few are in the sentence that says what they mean.
_EXAMPLES = "examples"
_INTERRUPTED = "interrupted"
_PREFLIGHT = "phase2/preflight"


@dataclass
class Narrator:
    """Listens to a run and tells what a person wants to know.

    Attributes:
        silent: tells nothing, for who reads JSON.
        numbers: tells on standard output what each check compared, also of those that passed.
        step: the step at work.
        errors: what failed, a sentence each; without what a failed check says.
        interrupted: whether somebody asked for the end, which whoever takes the signal tells.
    """

    silent: bool = False
    numbers: bool = False
    step: str = field(default="", init=False)
    errors: list[str] = field(default_factory=list, init=False)
    interrupted: bool = field(default=False, init=False)
    _made: str = field(default="", init=False)
    _counts: list[str] = field(default_factory=list, init=False)
    _passed: int = field(default=0, init=False)

    def hear(self, entry: dg.EventLogEntry) -> None:
        """Take in an event of the run, and tell of it."""
        event = entry.dagster_event
        if event is not None and event.event_type_value == "STEP_START":
            self.step = event.step_key or ""
        # The run's failure repeats its step's.
        why = _failure(entry)
        if why == _INTERRUPTED:
            self.interrupted = True
        elif why and why not in self.errors:
            self.errors.append(why)
        if self.silent:
            return
        if event is not None and event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._tell_check(event.asset_check_evaluation_data)
        elif event is not None and event.event_type_value == "ASSET_MATERIALIZATION":
            self.end()
            self._keep(event.step_materialization_data.materialization)
        elif event is not None and event.event_type_value == "STEP_FAILURE":
            # Why is the last thing that is said.
            self.end()
            if is_verbose():
                tell(f"✗ {event.step_key} failed")
        elif line := _line(entry):
            self.end()
            tell(line)

    def end(self) -> None:
        """Tell of the asset that was made last, and of its checks that passed and were not told."""
        self._tell_made()
        if self._passed:
            tell(f"  ✓ {counted(self._passed, 'check')} passed")
        self._passed = 0

    def _tell_made(self) -> None:
        if not self._made:
            return
        passed = [f"{counted(self._passed, 'check')} passed"] if self._passed else []
        told = ", ".join([*self._counts, *passed])
        tell(f"✓ {self._made}" + (f": {told}" if told else ""))
        self._made, self._counts, self._passed = "", [], 0

    def _keep(self, made: dg.AssetMaterialization) -> None:
        """Its checks follow at once, and belong into its line."""
        rows = made.metadata.get("dagster/row_count")
        self._made = made.asset_key.to_user_string()
        self._counts = [counted(int(str(rows.value)), "row")] if rows else []

    def _tell_check(self, check: dg.AssetCheckEvaluation) -> None:
        out = say if self.numbers else tell
        if check.passed and not (self.numbers or is_verbose()):
            if check.asset_key.to_user_string() != self._made:
                # Of several assets that were made before: it belongs into the line of none.
                self._tell_made()
            self._passed += 1
            return
        self.end()
        indent = "" if self.numbers else "  "
        meaning = "" if check.passed or not check.description else f": {check.description}"
        out(f"{indent}{mark(check.passed)} {check.check_name}{meaning}")
        if told := numbers_of(check):
            out(f"{indent}    {told}")


def numbers_of(check: dg.AssetCheckEvaluation) -> str:
    """What a check compared, as a person reads it: ``consistent 900, inconsistent 0, …``."""
    told = [
        f"{name.replace('_', ' ').replace('/', ' ')} {text}"
        for name, value in check.metadata.items()
        if name not in (_EXAMPLES, "what_to_do")
        and (text := _shown(value, _SHORT if check.passed else _LINE))
    ]
    return ", ".join(told)


def _shown(found: dg.MetadataValue[Any], longest: int) -> str:  # noqa: PLR0911 one return a type
    """A value in a line; nothing for lists, tables and texts, which the UI shows."""
    value = found.value
    if isinstance(found, dg.TimestampMetadataValue):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}".rstrip("0").rstrip(".")
        case str() if _MOMENT.match(value):
            return f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case str() if len(value) <= longest:
            return value
        case _:
            return ""


def refusals(checks: Sequence[dg.AssetCheckEvaluation]) -> Iterator[str]:
    """One sentence for the checks that failed the run: which, what it means or what to do, and where to read.

    Args:
        checks: all that were evaluated.
    """
    failed = [check for check in checks if not check.passed and check.severity.value == "ERROR"]
    if not failed:
        return
    if len(failed) == 1:
        (check,) = failed
        # What to do first is told above, with the numbers.
        why = (check.description or "it is not as it should be").partition(FIRST)[0].rstrip(".")
        yield f"{check.check_name} failed: {why}; see {_section(check)}."
        return
    names = ", ".join(check.check_name for check in failed)
    yield (
        f"{len(failed)} of {len(checks)} checks failed ({names}): what each means is told above; what to do "
        f"first is in the runbook, {_section(failed[0])}."
    )


def _section(check: dg.AssetCheckEvaluation) -> str:
    """Where the runbook says what to do."""
    is_preflight = check.asset_key.to_user_string() == _PREFLIGHT
    section = "preflight" if is_preflight else check.check_name
    # The page that `soleflip up` serves is there only while it runs.
    return f"{Settings.from_environment().runbook_url or 'docs/runbook.md'}#{section}"


def _line(entry: dg.EventLogEntry) -> str | None:
    """What the code itself logs."""
    if entry.dagster_event is not None:
        return None
    # Dagster's own words on steps that it leaves out follow from the failure that was told.
    own = re.match(r"Dependencies for step \S+ (failed|were not executed)", entry.user_message)
    hidden = (int(entry.level) <= _DEBUG or own) and not is_verbose()
    return None if hidden else f"  {entry.user_message}"


def _failure(entry: dg.EventLogEntry) -> str | None:
    """Why a step or the run failed, in the words of the innermost error; nothing where a check says it."""
    event = entry.dagster_event
    if event is None:
        return None
    if event.event_type_value == "STEP_FAILURE":
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return str(data.user_failure_data.description)
        error = data.error
    elif event.event_type_value == "PIPELINE_FAILURE":
        error = event.job_failure_data.error
    else:
        return None
    if error is None or is_of_a_check(error) or follows_a_broken_connection(error):
        return None
    return _INTERRUPTED if "InterruptedError" in str(error) else _words(error, event.step_key)


def _words(error: Any, step: str | None) -> str:
    """An error, with what it is about: a sentence of ours names that; anybody else's error does not."""
    if is_ours(error):
        return innermost(error)
    if (party := fault_of(error)) in (DATABASE, STORAGE):
        return told_broken(party, innermost(error))
    return (f"the step {step} failed: " if step else "") + innermost(error)
