"""Views of others that read a table which is about to go: the same rows from somewhere else, proven.

A reference to the table becomes a subquery that gives the same columns. PostgreSQL prints a view's query with
every name qualified, so a reference is one word of it, wherever it stands; what else may look like one does
not survive the proof. Here: the new query, its proof, and giving it to the view. Not here: what is read in
place of which table, or which views there are (dependents.py).
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from soleflip_assets.deploying.dependents import Reader, readers
from soleflip_assets.ground.database import query_one, run_statement


@dataclass(frozen=True)
class StandIn:
    """What is read in place of a table or view.

    Attributes:
        relation: which, as ``inventory.stock_metrics``.
        queries: each gives its columns, in their order; the first with which a view gives the same rows
            counts.
        missing: the columns that they cannot give, and what is asked for in vain.
        present: what gives the rows that there are now; the relation itself if empty.
    """

    relation: str
    queries: Sequence[str]
    missing: Sequence[str]
    present: str = ""


@dataclass(frozen=True)
class Rewriting:
    """A view with the query that it could have.

    Attributes:
        reader: the view, as it is.
        query: its new query; where there is none that can be made, the nearest one.
        obstacle: why it cannot have it; empty if it can.
        rows: how many it gives, before and afterwards.
    """

    reader: Reader
    query: str
    obstacle: str = ""
    rows: int = 0

    @property
    def statement(self) -> str:
        """What makes it, for who would do so by hand; privileges and indexes apart."""
        make = "CREATE MATERIALIZED" if self.reader.kind != "view" else "CREATE OR REPLACE"
        return f"{make} VIEW {self.reader.name} AS\n{self.query};"

    def __str__(self) -> str:
        """What was found, then the statement."""
        if self.obstacle:
            return f"{self.reader} cannot be rewritten: {self.obstacle}. Nearest:\n{self.statement}"
        return f"{self.reader} gives the same {self.rows:,} rows as:\n{self.statement}"


def rewritings(
    connection: Connection, stand_ins: Sequence[StandIn], columns: Sequence[str] = ()
) -> list[Rewriting]:
    """How each view that reads some tables could read what stands in for them. Nothing is changed.

    Args:
        connection: a database with the functions of sql/phase2/12_readers.sql.
        stand_ins: for each table that is about to go; each is there.
        columns: only the views that use one of these columns.
    """
    found = readers(connection, [one.relation for one in stand_ins], columns)
    # Without sources, it reads a materialized view that does, which is made again with it or not at all.
    held = next(
        (f"{one}: {one.obstacle}" for one in found if one.obstacle and not one.sources), None
    )
    return [
        _rewriting(
            connection,
            replace(one, obstacle=one.obstacle or held) if one.kind != "view" else one,
            stand_ins,
            columns,
        )
        for one in found
        if one.sources
    ]


def rewrite(
    connection: Connection, stand_ins: Sequence[StandIn], columns: Sequence[str] = ()
) -> list[Rewriting]:
    """Give each view its new query where there is one; in the transaction that the caller has opened.

    Returns:
        All that were looked at.
    """
    found = rewritings(connection, stand_ins, columns)
    if queries := {one.reader.name: one.query for one in found if not one.obstacle}:
        run_statement(
            connection,
            "catalog/rewrite_readers.sql",
            relations=[one.relation for one in stand_ins],
            columns=list(columns),
            queries=json.dumps(queries),
        )
    return found


def _rewriting(
    connection: Connection,
    reader: Reader,
    stand_ins: Sequence[StandIn],
    columns: Sequence[str],
) -> Rewriting:
    read = [one for one in stand_ins if one.relation in reader.sources]
    proposals = _proposals(reader, read)
    first = next(proposals)
    if obstacle := reader.obstacle or missing(reader, read):
        return Rewriting(reader, first, obstacle)
    present = substituted(reader.query, {one.relation: one.present for one in read if one.present})
    nearest: tuple[int, Rewriting] | None = None
    for query in [first, *proposals]:
        proof = query_one(
            connection,
            "catalog/prove_query.sql",
            reader=reader.name,
            present=present,
            proposed=query,
            relations=[one.relation for one in stand_ins],
            columns=list(columns),
        )
        if proof["obstacle"]:
            return Rewriting(reader, query, proof["obstacle"])
        lost, added = proof["only_now"], proof["only_then"]
        if not lost and not added:
            return Rewriting(reader, query, rows=proof["rows"])
        differing = f"of {proof['rows']:,} rows {lost:,} would go and {added:,} would come"
        if nearest is None or lost + added < nearest[0]:
            nearest = lost + added, Rewriting(reader, query, differing)
    assert nearest is not None
    return nearest[1]


def _proposals(reader: Reader, read: Sequence[StandIn]) -> Iterator[str]:
    """Each choice of queries for the tables that it reads."""
    for chosen in itertools.product(*(one.queries for one in read)):
        places = {one.relation: query for one, query in zip(read, chosen, strict=True)}
        yield substituted(reader.query, places)


def missing(reader: Reader, stand_ins: Sequence[StandIn]) -> str:
    """What a view reads that nothing stands in for, in a few words; empty if there is nothing."""
    found = [
        f"{one.relation}.{column}"
        for one in stand_ins
        for column in one.missing
        if f"{one.relation}.{column}" in reader.sources
    ]
    return f"it reads {', '.join(found)}, of which nothing will be left" if found else ""


# Strings and quoted names are left alone. PostgreSQL prints words of its own in capitals, so what begins
# with a small letter or is quoted is the name that the view gives to the table.
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_ALIAS = r"(?P<alias>(?= (?:[^\W\dA-Z]|\")))?"


def substituted(query: str, places: Mapping[str, str]) -> str:
    """A query in which subqueries take the places of tables.

    Args:
        query: as PostgreSQL prints it while nothing is on its search path.
        places: a query for each table, by its qualified name.
    """
    if not places:
        return query
    relations = "|".join(map(re.escape, places))
    reference = re.compile(
        rf"{_QUOTED}|(?:\bONLY )?(?<![\w.$:])(?P<relation>{relations})(?![\w.$(]){_ALIAS}"
    )

    def replaced(found: re.Match[str]) -> str:
        relation = found["relation"]
        if relation is None:
            return found[0]
        name = "" if found["alias"] is not None else f" {relation.partition('.')[2]}"
        return f"({places[relation]}){name}"

    return reference.sub(replaced, query)
