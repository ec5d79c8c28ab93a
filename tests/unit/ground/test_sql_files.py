"""The files of sql/ in the eyes of PostgreSQL's own grammar, and the promises that their headers make."""

import re
from collections.abc import Iterator
from typing import Any

import pglast
import pytest
import sqlalchemy
from pglast import ast
from pglast.parser import ParseError

from soleflip_assets.ground.settings import SQL
from soleflip_assets.ground.sql_files import HEADER_WORDS, SqlFile, sql_files

# What SQLAlchemy's text() and psql take for a parameter: `:name`, and neither a cast nor a slice.
_PARAMETER = re.compile(r"(?<![:\w]):(?=[a-z])\w+")
_COMMENT = re.compile(r"--.*")
_STAR = re.compile(r"\b(?:SELECT|DISTINCT|RETURNING|,)\s+(?:\w+\.)?\*", re.IGNORECASE)

_STEPS_NAMED = re.compile(r"\bledger\.step (?:=|IN) (\([^)]*\)|'[^']*')")

SQL_FILES = [SqlFile(str(path.relative_to(SQL))) for path in sorted(SQL.rglob("*.sql"))]

every_file = pytest.mark.parametrize("file", SQL_FILES, ids=lambda file: file.path)
every_check = pytest.mark.parametrize("file", sql_files("checks"), ids=lambda file: file.name)
every_step = pytest.mark.parametrize("file", sql_files("phase2"), ids=lambda file: file.name)


def parse(text: str) -> list[Any]:
    """The statements of a text as PostgreSQL's parser sees them, the bodies of its functions parsed too.

    Raises:
        pglast.parser.ParseError: PostgreSQL would refuse it.
    """
    statements = [raw.stmt for raw in pglast.parse_sql(_without_parameters(text))]
    for source, statement in zip(pglast.split(_without_parameters(text)), statements, strict=True):
        if isinstance(statement, ast.DoStmt) or _language(statement) == "plpgsql":
            pglast.parse_plpgsql(source)
    return statements


def stars(text: str) -> list[str]:
    """Where a text takes whatever columns there happen to be; count(*) is not such a place."""
    return _STAR.findall(_COMMENT.sub("", text))


def _without_parameters(text: str) -> str:
    return _PARAMETER.sub("NULL", text)


def _language(statement: Any) -> str | None:
    if not isinstance(statement, ast.CreateFunctionStmt):
        return None
    options: Any = statement.options
    return next(str(option.arg.sval) for option in options if option.defname == "language")


def _functions(file: SqlFile) -> Iterator[Any]:
    return (found for found in parse(file.text) if isinstance(found, ast.CreateFunctionStmt))


@every_file
def test_parses_by_postgresqls_grammar_function_bodies_included(file: SqlFile) -> None:
    assert parse(file.text)


def test_seeds_mistake_is_caught() -> None:
    """PL/pgSQL outside of a block: what stopped the seed's first deployment."""
    before = "RAISE NOTICE 'Adding new columns...';\nALTER TABLE inventory.stock ADD status_history jsonb;"
    after = (
        "DO $$ BEGIN\n  RAISE NOTICE 'Adding new columns...';\nEND $$;\n"
        + before.partition("\n")[2]
    )

    with pytest.raises(ParseError, match='syntax error at or near "RAISE"'):
        parse(before)
    assert len(parse(after)) == 2


@pytest.mark.parametrize("body", ["BEGIN RETURN 1 +; END", "BEGIN IF true THEN RETURN 1; END"])
def test_mistake_inside_a_function_is_caught(body: str) -> None:
    function = f"CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS $f$ {body} $f$"

    with pytest.raises(ParseError, match=r"syntax error|missing"):
        parse(function)


def test_linter_of_live_changes_skips_only_what_changes_no_object() -> None:
    """`make lint` hands squawk the files without parameters, which it could not read."""
    pattern = re.search(r"^PARAMETER := (.+)$", (SQL.parent / "Makefile").read_text(), re.MULTILINE)
    assert pattern is not None
    skipped = [file for file in SQL_FILES if re.search(pattern[1], file.text)]
    assert {file.path for file in SQL_FILES if _PARAMETER.search(_COMMENT.sub("", file.text))} == {
        file.path for file in skipped
    }
    queries = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
    for file in skipped:
        assert all(isinstance(statement, queries) for statement in parse(file.text)), file.path


@every_file
def test_is_split_where_postgresql_splits_it(file: SqlFile) -> None:
    ours = [_without_parameters(statement) for statement in file.statements]

    assert ours == list(pglast.split(_without_parameters(file.text)))


@every_file
def test_header_says_what_it_does_and_what_it_locks(file: SqlFile) -> None:
    assert len(file.description) > 10
    assert file.description.endswith(".")
    assert file.fields["locks"]


@every_file
def test_header_uses_words_that_are_explained(file: SqlFile) -> None:
    """``HEADER_WORDS`` says what each means; another one is a slip, or has to be added there."""
    said = {*file.fields, *(word for check in file.checks for word in check)}

    assert said <= HEADER_WORDS.keys()


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("preflight", {"effect", "fix"}),
        ("retirement/legacy", {"fix"}),
        ("retirement/backups", {"fix"}),
        ("headline_queries", {"index"}),
    ],
)
def test_folder_whose_files_are_read_for_words_has_them(folder: str, words: set[str]) -> None:
    for file in sql_files(folder):
        assert words <= file.fields.keys(), file.path
        assert all(file.fields[word] for word in words)


def test_every_word_that_is_explained_is_used() -> None:
    used = {word for file in SQL_FILES for part in (file.fields, *file.checks) for word in part}

    assert used == HEADER_WORDS.keys()


@every_file
def test_parameters_are_those_that_sqlalchemy_binds(file: SqlFile) -> None:
    bound = [sqlalchemy.text(statement).compile().params for statement in file.statements]

    assert file.parameters == {name for names in bound for name in names}


@every_file
def test_step_that_is_looked_for_in_the_ledger_is_one_that_is_recorded(file: SqlFile) -> None:
    """Else the question is answered as if it had never been done."""
    recorded = {known.name for known in SQL_FILES} | {"backfill", "database_dump", "restore_drill"}
    named = _STEPS_NAMED.findall(file.text)

    assert {step for names in named for step in re.findall(r"'([^']+)'", names)} <= recorded


@every_step
def test_step_says_whether_it_may_be_run_again(file: SqlFile) -> None:
    assert re.match(r"safe|fails|refused", file.fields["again"])


@every_check
def test_check_names_its_asset_and_what_a_failure_means(file: SqlFile) -> None:
    assert re.fullmatch(r"inventory/\w+", file.fields["asset"])
    for check in file.checks or [{"proves": file.description, **file.fields}]:
        assert check["proves"].endswith(".")
        assert check["means"].endswith(".")


@every_check
def test_check_is_one_select_that_says_passed(file: SqlFile) -> None:
    (statement,) = parse(file.text)

    assert isinstance(statement, ast.SelectStmt)
    targets: Any = statement.targetList
    names = {target.name for target in targets}
    assert names == {check["check"] for check in file.checks} or "passed" in names


@every_file
def test_takes_no_star(file: SqlFile) -> None:
    assert not stars(file.text)


def test_star_is_found() -> None:
    assert stars("SELECT * FROM a")
    assert stars("SELECT a.id, b.* FROM a, b")
    assert stars("UPDATE a SET b = 1 RETURNING *")
    assert not stars("SELECT count(*), 2 * b FROM a -- not SELECT * FROM a")


@every_file
def test_functions_fix_their_search_path(file: SqlFile) -> None:
    for function in _functions(file):
        fixed = {option.arg.name for option in function.options if option.defname == "set"}
        assert "search_path" in fixed, function.funcname


# The warehouse's engine knows each table by its bare name.
_OF_THE_ENGINE = ("stored/", "marts/")


@pytest.mark.parametrize(
    "file",
    [file for file in SQL_FILES if not file.path.startswith(_OF_THE_ENGINE)],
    ids=lambda file: file.path,
)
def test_objects_are_schema_qualified(file: SqlFile) -> None:
    """A name without a schema depends on the search_path of whoever runs the file, pg_catalog's apart."""
    for statement in parse(file.text):
        known = _common_tables(statement)
        for relation in _relations(statement):
            name = relation.relname
            assert relation.schemaname or name.startswith("pg_") or name in known, name


def _walk(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.Node):
        yield node
        for attribute in node:
            yield from _walk(getattr(node, attribute))
    elif isinstance(node, tuple):
        for item in node:
            yield from _walk(item)


def _relations(statement: Any) -> Iterator[Any]:
    return (node for node in _walk(statement) if isinstance(node, ast.RangeVar))


def _common_tables(statement: Any) -> set[str]:
    """Names that the statement itself gives: WITH queries, and the OLD TABLE of a trigger."""
    queries = (node.ctename for node in _walk(statement) if isinstance(node, ast.CommonTableExpr))
    tables = (node.name for node in _walk(statement) if isinstance(node, ast.TriggerTransition))
    return {*map(str, queries), *map(str, tables)}
