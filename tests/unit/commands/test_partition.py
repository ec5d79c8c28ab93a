"""What `soleflip partition --list` says to do next."""

from typing import Any

import pytest

from soleflip_assets.commands.partition import resumption
from soleflip_assets.partitioning.keeping import BEING_CONVERTED

KEPT: dict[str, Any] = {"table": "logging.kept", "column": "at", "state": "partitioned"}
BEGUN: dict[str, Any] = {"table": "logging.begun", "column": "timestamp", "state": BEING_CONVERTED}


@pytest.mark.parametrize(
    ("found", "words"),
    [([KEPT], ""), ([KEPT, BEGUN], "`soleflip partition logging.begun --by timestamp` resumes it")],
)
def test_conversion_that_has_not_ended_is_told_with_its_remedy(
    found: list[dict[str, Any]], words: str
) -> None:
    said = resumption(found)
    assert words in said
    assert bool(said) is bool(words)
