"""How a database is named: a ``postgresql://`` URL, as libpq reads it.

One reading for psycopg, SQLAlchemy, Dagster's storage and PostgreSQL's programs: what is not in the URL
(passwords, services, hosts) libpq looks up in its own variables and files, for all of them alike. Here: from
text to a URL and back, and what may be shown of one. Not here: connecting (sessions.py).
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo, PGconn
from sqlalchemy import URL

from soleflip_assets.ground.errors import ConfigurationError

EXAMPLE = "postgresql://user:password@host:5432/database"

_SCHEME = re.compile(r"(?P<name>[a-z][a-z0-9]*)(\+\w+)?://", re.IGNORECASE)
_HIDDEN = "hidden"
# From this length on a secret is one also as a part of a longer word.
_LONG_SECRET = 8


def parse_postgres_url(variable: str, value: str) -> URL:
    """Read a PostgreSQL URL as libpq does.

    Args:
        variable: the environment variable it came from, for the message.
        value: for instance ``postgresql://shop:secret@db:5432/soleflip``. A driver's name after the scheme,
            as SQLAlchemy has it, is left out.

    Raises:
        ConfigurationError: it is not such a URL, or no database can be known from it. The message quotes
            nothing that may be secret.
    """
    scheme = _SCHEME.match(value)
    if scheme is None:
        raise ConfigurationError(f"{variable} is not a URL: write it as {EXAMPLE}.")
    if scheme["name"].lower() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"{variable} is a {scheme['name'].lower()}:// URL: write it as {EXAMPLE}."
        )
    try:
        found = conninfo_to_dict(_joined_hosts(f"postgresql://{value[scheme.end() :]}"))
    except psycopg.ProgrammingError as error:
        # libpq quotes names of options, but also what it could not decode, which may be a password; and
        # what stands before an @ may be one in any case.
        known = "@" not in value.partition("?")[2]
        option = re.search(r'URI query parameter: "\w+"', str(error)) if known else None
        why = f" ({option[0]})" if option else ""
        raise ConfigurationError(
            f"{variable} cannot be read{why}: correct the URL and write it as {EXAMPLE}, with %40 for @ and "
            "%20 for a space in a name or password."
        ) from None
    url = url_from({name: str(text) for name, text in found.items()}, variable)
    if not url.database:
        raise ConfigurationError(f"{variable} names no database: write it as {EXAMPLE}.")
    return url


def url_from(parameters: Mapping[str, str], variable: str = "The URL") -> URL:
    """The URL of libpq's parameters, in the form in which SQLAlchemy and libpq read the same.

    Raises:
        ConfigurationError: a port is no number, or a host has an @ in it, as after a password with one.
    """
    query = {name: text for name, text in parameters.items() if text != ""}
    user, password = query.pop("user", None), query.pop("password", None)
    database = query.pop("dbname", None) or _default_database(parameters)
    host, port = query.get("host", ""), query.get("port", "")
    if not all(part == "" or part.isdecimal() for part in port.split(",")) or "@" in host[1:]:
        raise ConfigurationError(
            f"{variable} is not a URL: write it as {EXAMPLE}, with %40 for @ and %2F for / in a password, "
            "and an IPv6 address in brackets."
        )
    if not host or host.startswith(("/", "@")) or "," in host + port:
        return URL.create("postgresql", user, password, database=database, query=query)
    del query["host"]
    query.pop("port", None)
    return URL.create(
        "postgresql", user, password, host, int(port) if port else None, database, query
    )


def libpq_parameters(url: URL) -> dict[str, str]:
    """What the URL says, as libpq's parameters by name."""
    fields = {
        "host": url.host,
        "port": str(url.port) if url.port else None,
        "user": url.username,
        "password": str(url.password) if url.password is not None else None,
        "dbname": url.database,
    }
    return {name: text for name, text in fields.items() if text} | _query(url)


def rendered(url: URL, driver: str = "postgresql") -> str:
    """The URL as text, password and all, which libpq and SQLAlchemy read alike.

    Args:
        url: any.
        driver: the scheme.
    """
    user = quote(url.username or "", safe="")
    secret = "" if url.password is None else f":{quote(str(url.password), safe='')}"
    host = f"[{url.host}]" if url.host and ":" in url.host else quote(url.host or "", safe="")
    port = f":{url.port}" if url.port else ""
    database = quote(url.database or "", safe="")
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in _query(url).items())
    return (
        f"{driver}://{user}{secret}{'@' if user or secret else ''}{host}{port}/{database}"
        f"{'?' if query else ''}{query}"
    )


def shown(url: URL) -> str:
    """The URL without what is secret, or may be: who, where, which database."""
    where = {name: text for name, text in _query(url).items() if name in {"host", "port"}}
    hidden = rendered(url.set(password=_HIDDEN if url.password else None, query=where))
    return hidden.replace(f":{_HIDDEN}@", ":***@", 1)


def _query(url: URL) -> dict[str, str]:
    return {
        name: text if isinstance(text, str) else ",".join(text) for name, text in url.query.items()
    }


def hide_secret(text: str, secret: str | None) -> str:
    """A driver's message without a secret.

    libpq quotes the values that it was given and never a password. Only what is quoted is looked at, so that
    a password that is a common word or letter takes nothing out of the sentence.
    """
    if not secret:
        return text

    def conceal(match: re.Match[str]) -> str:
        told = match[1] == secret or (len(secret) >= _LONG_SECRET and secret in match[1])
        return '"***"' if told else match[0]

    return re.sub(r'"([^"]*)"', conceal, text)


def _joined_hosts(url: str) -> str:
    """Several hosts in SQLAlchemy's way (``?host=a:5432&host=b``), in libpq's, which would take the last."""
    address, _, query = url.partition("?")
    options = [option.partition("=") for option in query.split("&")]
    hosts = [unquote(text).partition(":") for name, _, text in options if name == "host"]
    if len(hosts) < 2:  # noqa: PLR2004
        return url
    others = [f"{name}={text}" for name, _, text in options if name != "host"]
    others.append("host=" + quote(",".join(host for host, _, _ in hosts), safe=""))
    if any(port for _, _, port in hosts):
        others.append("port=" + quote(",".join(port for _, _, port in hosts), safe=""))
    return f"{address}?{'&'.join(others)}"


def _default_database(parameters: Mapping[str, str]) -> str | None:
    """What libpq would take for the database: from a service, or from its variables."""
    if "service" not in parameters:
        defaults = {option.keyword: option.val for option in Conninfo.get_defaults()}
        named = defaults.get(b"dbname")
        return named.decode() if named else None
    # Only an attempt to connect reads a service's file. This one goes no further: there is no such folder.
    attempt = PGconn.connect_start(
        make_conninfo(**{**parameters, "host": "/nonexistent", "hostaddr": ""}).encode()
    )
    name: str = attempt.db.decode()
    attempt.finish()
    return name or None
