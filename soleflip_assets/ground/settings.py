"""What the environment decides, read in one place.

Here: the environment variables, the folders of ``SOLEFLIP_HOME``, where the project's own files lie,
and the error that says a setting is wrong. Not here: anything that connects to a database.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

Sample = Literal["production", "busy", "applied", "legacy_dropped", "backups_dropped"]

DATABASE_URL = "SOLEFLIP_DATABASE_URL"
OWNER_DATABASE_URL = "SOLEFLIP_OWNER_DATABASE_URL"
DAGSTER_STORAGE_URL = "DAGSTER_POSTGRES_URL"
HOME = "SOLEFLIP_HOME"
SAMPLE = "SOLEFLIP_SAMPLE"


class ConfigurationError(Exception):
    """A setting, or what it points at, is wrong; the message is one sentence that names the fix.

    The command line prints it and exits with 2. It never holds a password.
    """


def _files() -> Path:
    """The folder that holds sql/, workspace.yaml and dagster.yaml: the checkout, or the wheel's copy."""
    package = Path(__file__).parent.parent
    packaged = package / "_files"
    return packaged if packaged.is_dir() else package.parent


FILES = _files()
SQL = FILES / "sql"


def parse_postgres_url(variable: str, value: str) -> URL:
    """Check that ``value`` is a PostgreSQL URL that names a database.

    Args:
        variable: the environment variable it came from, for the message.
        value: for instance ``postgresql://shop:secret@db:5432/soleflip``.

    Raises:
        ConfigurationError: it is not such a URL.
    """
    example = "postgresql://user:password@host:5432/database"
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # `from None`: SQLAlchemy's message quotes the whole value, password included.
        raise ConfigurationError(f"{variable} is not a URL: write it as {example}.") from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"{variable} is a {url.get_backend_name()}:// URL: write it as {example}."
        )
    if not url.database:
        raise ConfigurationError(f"{variable} names no database: write it as {example}.")
    return url


def positive_number(variable: str, default: int, unit: str = "files") -> int:
    """A whole number above zero from the environment.

    Args:
        variable: the environment variable.
        default: where it is not set.
        unit: what it is a number of, for the message.

    Raises:
        ConfigurationError: it is set to something else.
    """
    value = os.environ.get(variable, str(default))
    if not value.isdecimal() or int(value) < 1:
        raise ConfigurationError(f"{variable} is {value!r}: set it to a number of {unit}.")
    return int(value)


@dataclass(frozen=True)
class Settings:
    """The environment, parsed.

    Attributes:
        home: the folder of all state: embedded data, Dagster's home, dumps, reports.
        database_url: SoleFlip's database; None means the embedded server.
        owner_database_url: the same as the owner of its tables; None means that ``database_url`` is that.
        dagster_storage_url: Dagster's own database; None means the embedded server.
        sample: which sample an empty embedded database is filled with.
    """

    home: Path
    database_url: URL | None
    owner_database_url: URL | None
    dagster_storage_url: URL | None
    sample: Sample

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the environment.

        Raises:
            ConfigurationError: a variable is set to something that cannot be meant.
        """
        if os.environ.get(OWNER_DATABASE_URL) and not os.environ.get(DATABASE_URL):
            raise ConfigurationError(
                f"{OWNER_DATABASE_URL} is set without {DATABASE_URL}: set both, or {DATABASE_URL} only."
            )
        sample = os.environ.get(SAMPLE, "production")
        if sample not in get_args(Sample):
            raise ConfigurationError(
                f"{SAMPLE} is {sample!r}: set it to one of {', '.join(get_args(Sample))}."
            )
        return cls(
            home=Path(os.environ.get(HOME) or _default_home()).expanduser().resolve(),
            database_url=_url_from(DATABASE_URL),
            owner_database_url=owner_database_url(),
            dagster_storage_url=_url_from(DAGSTER_STORAGE_URL),
            sample=cast("Sample", sample),
        )

    @property
    def embedded_data(self) -> Path:
        """The data directory of the embedded PostgreSQL server."""
        return self.home / "postgres"

    @property
    def dagster_home(self) -> Path:
        """``DAGSTER_HOME`` for every process that the command line starts."""
        return self.home / "dagster"

    @property
    def dumps(self) -> Path:
        """Where ``operations/database_dump`` writes, readable by its owner only."""
        return self.home / "dumps"

    @property
    def reports(self) -> Path:
        """Where ``phase2/deployment_report`` writes."""
        return self.home / "reports"


def _default_home() -> Path:
    """``.soleflip`` in the checkout; in the working directory where the package is a wheel."""
    return (FILES if FILES.name != "_files" else Path.cwd()) / ".soleflip"


def owner_database_url() -> URL | None:
    """SoleFlip's database as the owner of its tables; None where all is done as one user.

    Raises:
        ConfigurationError: the variable is set to something that is no such URL.
    """
    return _url_from(OWNER_DATABASE_URL) if os.environ.get(OWNER_DATABASE_URL) else None


def _url_from(variable: str) -> URL | None:
    value = os.environ.get(variable)
    if value is None:
        return None
    return parse_postgres_url(variable, value)
