"""A question is asked with what it names, whoever asks, and an answer is never guessed."""

import pytest

from soleflip_assets.checks.question import questions_of
from soleflip_assets.ground.sql_files import SqlFile
from tests.conftest import Databases, connect


def test_names_are_looked_up_among_all_that_is_known(databases: Databases) -> None:
    (question,) = questions_of(SqlFile("preflight/server_usable.sql"))

    with connect(databases.empty()) as connection:
        assert question.ask(connection, {"oldest": 15, "dependents": []}).passed
        assert not question.ask(connection, {"oldest": 99}).passed


def test_name_that_nobody_knows_is_a_mistake_and_no_answer(databases: Databases) -> None:
    (question,) = questions_of(SqlFile("preflight/server_usable.sql"))

    with (
        connect(databases.empty()) as connection,
        pytest.raises(LookupError, match=r"sql/preflight/server_usable\.sql wants oldest"),
    ):
        question.ask(connection, {"begun": True})
