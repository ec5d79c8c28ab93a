"""What a database is besides what it holds, which no dump gives back: read, compared, given to a new one.

Owner, encoding, locale, tablespace, privileges, limits, settings, comment, labels; and in words what a server
or its user lacks for them. Here: those. Not here: rows and objects (manifest.py), nor when what of this
happens (restore.py).
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, RowMapping

from soleflip_assets.ground.database import execute_statement, query_one

# Each element of these is quoted by itself, in a setting as it is stored and in the statement that sets it.
_LISTS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
_ELEMENT = re.compile(r'"((?:[^"]|"")*)"|([^",\s][^",]*)')


@dataclass(frozen=True)
class Properties:
    """What a database is, but for what it holds.

    Attributes:
        owner: its owner.
        encoding: its encoding.
        collate: LC_COLLATE.
        ctype: LC_CTYPE.
        provider: of its locale: libc, icu or builtin; None in a manifest of the first form: then
            all that follows is unknown, too.
        locale: ICU's or the builtin one.
        icu_rules: ICU's additional rules.
        collation_version: of the locale, as recorded when the database was made.
        tablespace: where tables go that name none.
        connection_limit: how many may connect; -1 for any number.
        is_template: whether anybody may copy it.
        allow_connections: whether anybody may connect at all.
        comment: its comment.
        privileges: grantor, grantee (None: PUBLIC), privilege, with grant option; None for a new database's.
        settings: role (None: all), name, value.
        labels: security labels: provider, label.
    """

    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str | None = None
    locale: str | None = None
    icu_rules: str | None = None
    collation_version: str | None = None
    tablespace: str = "pg_default"
    connection_limit: int = -1
    is_template: bool = False
    allow_connections: bool = True
    comment: str | None = None
    privileges: Sequence[Sequence[Any]] | None = None
    settings: Sequence[Sequence[Any]] = ()
    labels: Sequence[Sequence[str]] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all of it is known; a manifest of the first form has the first four only."""
        return self.provider is not None

    def differences(self, restored: "Properties", *, same_version: bool) -> list[str]:
        """Where a restored database is not the same, a sentence each; of settings the names only.

        Args:
            restored: what it is now.
            same_version: False between major versions of PostgreSQL, which write ICU's locales differently.
        """
        ours, theirs = asdict(self), asdict(restored)
        names = ["owner", "encoding", "collate", "ctype"]
        found: list[str] = []
        if self.is_complete:
            names += [
                "provider", "icu_rules", "tablespace", "connection_limit", "is_template", "allow_connections",
                "comment",
            ]  # fmt: skip
            names += ["locale"] if same_version or self.provider != "icu" else []
            found += self._listed_differences(restored)
        return [
            f"the database's {name} is {theirs[name]!r} instead of {ours[name]!r}"
            for name in names
            if ours[name] != theirs[name]
        ] + found

    def _listed_differences(self, restored: "Properties") -> Iterator[str]:
        if (self.privileges is None) != (restored.privileges is None) or (
            _set(self.privileges or ()) != _set(restored.privileges or ())
        ):
            yield "the privileges on the database are others"
        ours, theirs = _by_name(self.settings), _by_name(restored.settings)
        for key in sorted(ours.keys() | theirs.keys(), key=str):
            if ours.get(key) != theirs.get(key):
                yield f"the database's setting {key[1]}{f' of {key[0]}' if key[0] else ''} is another"
        if _set(self.labels) != _set(restored.labels):
            yield "the security labels of the database are others"


def read_properties(connection: Connection, database: str) -> Properties:
    """What a database of this server is; the connection may be to another one."""
    return Properties(**query_one(connection, "restore/properties.sql", database=database))


def create(connection: Connection, name: str, properties: Properties) -> None:
    """Make an empty database that has of the properties what can only be given when it is made.

    Where privileges are not those of any new database nobody else may connect meanwhile.

    Args:
        connection: to another database, each statement a transaction of its own.
        name: of the new one.
        properties: of the one that it is to become.
    """
    clauses = {
        "OWNER": sql.Identifier(properties.owner),
        "TEMPLATE": sql.Identifier("template0"),
        "ENCODING": sql.Literal(properties.encoding),
        "LC_COLLATE": sql.Literal(properties.collate),
        "LC_CTYPE": sql.Literal(properties.ctype),
    }
    if properties.provider is not None:
        clauses["LOCALE_PROVIDER"] = sql.Identifier(properties.provider)
    # Naming the default takes a right that not naming it does not.
    if properties.tablespace != "pg_default":
        clauses["TABLESPACE"] = sql.Identifier(properties.tablespace)
    if properties.locale is not None:
        named = "ICU_LOCALE" if properties.provider == "icu" else "BUILTIN_LOCALE"
        clauses[named] = sql.Literal(properties.locale)
    if properties.icu_rules is not None:
        clauses["ICU_RULES"] = sql.Literal(properties.icu_rules)
    written = sql.SQL(" ").join(
        sql.SQL("{} {}").format(sql.SQL(clause), value) for clause, value in clauses.items()
    )
    _execute(connection, sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), written))
    if properties.privileges is not None:
        _execute(connection, _on(name, "REVOKE ALL ON DATABASE {} FROM PUBLIC"))


def give(connection: Connection, name: str, properties: Properties) -> None:
    """Give a filled database the rest of the properties; none of them may bear on filling it.

    Args:
        connection: to another database, each statement a transaction of its own.
        name: of the database that is to have them.
        properties: of the one that it is to be.
    """
    if not properties.is_complete:
        return
    rest = sql.SQL(
        "ALTER DATABASE {} WITH CONNECTION LIMIT {} IS_TEMPLATE {} ALLOW_CONNECTIONS {}"
    ).format(
        sql.Identifier(name),
        sql.Literal(properties.connection_limit),
        sql.Literal(properties.is_template),
        sql.Literal(properties.allow_connections),
    )
    given = [
        _labels(name, properties),
        _settings(name, properties.settings),
        _privileges(name, properties),
    ]
    try:
        for statement in itertools.chain(*given, [rest]):
            _execute(connection, statement)
    finally:
        if not connection.invalidated:
            _execute(connection, sql.SQL("RESET ROLE").format())


def _labels(name: str, properties: Properties) -> Iterator[sql.Composed]:
    if properties.comment is not None:
        yield _on(name, "COMMENT ON DATABASE {} IS {}", sql.Literal(properties.comment))
    for provider, label in properties.labels:
        statement = "SECURITY LABEL FOR {provider} ON DATABASE {} IS {label}"
        yield sql.SQL(statement).format(
            sql.Identifier(name), provider=sql.Identifier(provider), label=sql.Literal(label)
        )


def _settings(name: str, settings: Iterable[Sequence[Any]]) -> Iterator[sql.Composed]:
    for role, setting, value in settings:
        target = _on(name, "DATABASE {}")
        if role is not None:
            target = sql.SQL("ROLE {} IN DATABASE {}").format(
                sql.Identifier(role), sql.Identifier(name)
            )
        yield sql.SQL("ALTER {} SET {} TO {}").format(
            target,
            sql.Identifier(*setting.split(".")),
            sql.SQL(", ").join(map(sql.Literal, _elements(setting, value))),
        )


def _privileges(name: str, properties: Properties) -> Iterator[sql.Composed]:
    if properties.privileges is None:
        return
    owner = properties.owner
    yield _on(name, "REVOKE ALL ON DATABASE {} FROM PUBLIC")
    yield _on(name, "REVOKE ALL ON DATABASE {} FROM {}", sql.Identifier(owner))
    for grantor, grantee, privilege, grantable in properties.privileges:
        # A keyword, so that only the three there are can come out of a manifest.
        if privilege not in {"CREATE", "CONNECT", "TEMPORARY"}:
            raise ValueError(f"{privilege!r} is no privilege on a database")
        if grantor != owner:
            yield sql.SQL("SET ROLE {}").format(sql.Identifier(grantor))
        yield _on(
            name,
            f"GRANT {privilege} ON DATABASE {{}} TO {{}}{' WITH GRANT OPTION' if grantable else ''}",
            sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee),
        )
        if grantor != owner:
            yield sql.SQL("RESET ROLE").format()


def _elements(setting: str, value: str) -> list[str]:
    """The values that a stored setting is made of: one, but for lists that quote each of theirs."""
    if setting.lower() not in _LISTS:
        return [value]
    found = [
        quoted.replace('""', '"') if plain == "" else plain.strip()
        for quoted, plain in _ELEMENT.findall(value)
    ]
    return found or [""]


def _by_name(settings: Iterable[Sequence[Any]]) -> Mapping[tuple[str | None, str], list[str]]:
    return {(role, name): _elements(name, value) for role, name, value in settings}


def _set(rows: Iterable[Sequence[Any]]) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in rows}


def _on(name: str, statement: str, *values: sql.Composable) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(name), *values)


def _execute(connection: Connection, statement: sql.Composed) -> None:
    execute_statement(connection, statement.as_string())


_SENTENCES = {
    "a role": "there is no role {name}, which {reason}: create it",
    "a tablespace": "there is no tablespace {name}, which {reason}: create it",
    "an extension": "this server does not offer the extension {name}, which {reason}: install it",
    "membership": "{user_name} is not a member of {name}, which {reason}: GRANT {name} TO {user_name}, "
    "or run this as a superuser",
    "the right to create databases": "{user_name} may not create databases: ALTER ROLE {user_name} CREATEDB",
    "CREATE on a tablespace": "{user_name} may not use the tablespace {name}, which {reason}: "
    "GRANT CREATE ON TABLESPACE {name} TO {user_name}",
    "SET on a parameter": "{user_name} may not set {name}, which {reason}: "
    "GRANT SET ON PARAMETER {name} TO {user_name}",
    "another role's settings": "{user_name} may not alter {name}, which {reason}: run this as a superuser",
    "superuser": "{user_name} is no superuser, and there is {name}, which {reason}: run this as one",
    "subscriptions": "{user_name} may not create the subscription {name}, which {reason}: GRANT "
    "pg_create_subscription TO {user_name} (PostgreSQL 16 and newer), or run this as a superuser",
}


def sentence(lack: RowMapping) -> str:
    """What lacks and what mends it, from a row of restore/lacking.sql."""
    return _SENTENCES[lack["lack"]].format(**lack)
