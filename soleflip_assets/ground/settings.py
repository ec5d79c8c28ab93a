"""What the environment decides: every variable, its default and its meaning, read and checked in one place.

Read when a command starts, a run asks or a tick begins, never when a module is loaded. Here also: the folders
of ``SOLEFLIP_HOME``, and where the project's own files lie. Not here: anything that connects to a database.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.urls import parse_postgres_url, shown

Sample = Literal["production", "busy", "applied", "legacy_dropped", "backups_dropped"]

DATABASE_URL = "SOLEFLIP_DATABASE_URL"
OWNER_DATABASE_URL = "SOLEFLIP_OWNER_DATABASE_URL"
DAGSTER_STORAGE_URL = "DAGSTER_POSTGRES_URL"
HOME = "SOLEFLIP_HOME"
SAMPLE = "SOLEFLIP_SAMPLE"
ALERT_URLS = "SOLEFLIP_ALERT_URLS"
HEARTBEAT_URL = "SOLEFLIP_HEARTBEAT_URL"
UI_URL = "SOLEFLIP_UI_URL"
VIEWERS_URL = "SOLEFLIP_VIEWERS_URL"
RUNBOOK_URL = "SOLEFLIP_RUNBOOK_URL"
WARN_MINUTES = "SOLEFLIP_FRESHNESS_WARN_MINUTES"
ERROR_MINUTES = "SOLEFLIP_FRESHNESS_ERROR_MINUTES"
LOG_DAYS = "SOLEFLIP_KEEP_LOG_DAYS"
RUNS_DAYS = "SOLEFLIP_KEEP_RUNS_DAYS"
FILES_DAYS = "SOLEFLIP_KEEP_FILES_DAYS"
DUMPS = "SOLEFLIP_KEEP_DUMPS"
REPORTS = "SOLEFLIP_KEEP_REPORTS"
HISTORY_MONTHS = "SOLEFLIP_KEEP_HISTORY_MONTHS"
WAREHOUSE = "SOLEFLIP_WAREHOUSE"
WAREHOUSE_ENGINE = "SOLEFLIP_WAREHOUSE_ENGINE"
WAREHOUSE_TABLES = "SOLEFLIP_WAREHOUSE_TABLES"
WAREHOUSE_DAYS = "SOLEFLIP_KEEP_WAREHOUSE_DAYS"
WEEKLY_FIGURES = "SOLEFLIP_WEEKLY_FIGURES"
PORT = "PORT"
CODE_SERVER_HOST = "DAGSTER_CODE_SERVER_HOST"
CODE_SERVER_PORT = "DAGSTER_CODE_SERVER_PORT"
WEBSERVER_HOST = "DAGSTER_WEBSERVER_HOST"
WEBSERVER_PORT = "DAGSTER_WEBSERVER_PORT"
HEARTBEAT_TOLERANCE = "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE"
LONGEST_REFRESH = "SOLEFLIP_LONGEST_REFRESH_MINUTES"
LONGEST_DEPLOYMENT = "SOLEFLIP_LONGEST_DEPLOYMENT_HOURS"

_LAST_PORT = 65535
# A hundred years in days. With a million the clock would be set to before the year 1.
_MOST = 36_500
_TABLE = re.compile(r"\w+=\w+\.\w+")


def _files() -> Path:
    """The folder that holds sql/, workspace.yaml and dagster.yaml: the checkout, or the wheel's copy."""
    package = Path(__file__).parent.parent
    packaged = package / "_files"
    return packaged if packaged.is_dir() else package.parent


FILES = _files()
SQL = FILES / "sql"


def _default_home() -> Path:
    """``.soleflip`` in the checkout; in the working directory where the package is a wheel."""
    return (FILES if FILES.name != "_files" else Path.cwd()) / ".soleflip"


def _url(variable: str) -> BeforeValidator:
    return BeforeValidator(lambda value: value and parse_postgres_url(variable, value))


def _web_address(variable: str) -> AfterValidator:
    def checked(value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"{variable} is no URL: write it as https://dagster.example.com."
            )
        return value

    return AfterValidator(checked)


def _engine(value: str) -> str:
    if value != "duckdb" and not value.startswith("spark://"):
        raise ValueError("set it to duckdb, or to the URL of a Spark master, spark://host:7077")
    return value


def _tables(value: str) -> str:
    for part in filter(None, value.split(",")):
        if not _TABLE.fullmatch(part.strip()):
            raise ValueError("write it as brand=catalog.brand,sales_order=sales.order")
    return value


def _number(value: Any, unit: str) -> int:
    if not (text := str(value)).isdecimal() or not 1 <= int(text) <= _MOST:
        raise ValueError(f"set it to a number of {unit}, from 1 to {_MOST:,}")
    return int(text)


def _sample(value: Any) -> Any:
    if value not in get_args(Sample):
        raise ValueError(f"set it to one of {', '.join(get_args(Sample))}")
    return value


def _on_or_off(value: Any) -> Any:
    if value not in ("on", "off"):
        raise ValueError("set it to on or off")
    return value


def _port(value: Any) -> int:
    # Kubernetes sets NAME_PORT to tcp://10.0.0.1:3000 beside a service that has this name.
    if (
        not (text := re.sub(r"^tcp://.*:", "", str(value))).isdecimal()
        or not 1 <= int(text) <= _LAST_PORT
    ):
        raise ValueError(f"set it to a number from 1 to {_LAST_PORT}")
    return int(text)


Days = Annotated[int, BeforeValidator(lambda value: _number(value, "days"))]
Hours = Annotated[int, BeforeValidator(lambda value: _number(value, "hours"))]
Minutes = Annotated[int, BeforeValidator(lambda value: _number(value, "minutes"))]
Seconds = Annotated[int, BeforeValidator(lambda value: _number(value, "seconds"))]
Months = Annotated[int, BeforeValidator(lambda value: _number(value, "months"))]
Files = Annotated[int, BeforeValidator(lambda value: _number(value, "files"))]
Port = Annotated[int, BeforeValidator(_port)]


@dataclass(frozen=True)
class Setting:
    """One line of ``soleflip settings``.

    Attributes:
        name: the environment variable.
        value: what holds, as text; without what is secret of it. None where nothing does.
        source: ``environment``, ``default``, or ``embedded``: the server that comes with this project.
        meaning: what it decides.
    """

    name: str
    value: str | None
    source: str
    meaning: str


class Settings(BaseSettings):
    """The environment, parsed. A variable that is empty or blank counts as not set."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_ignore_empty=True,
        validate_default=False,
        arbitrary_types_allowed=True,
        extra="ignore",
    )

    database_url: Annotated[URL | None, _url(DATABASE_URL)] = Field(
        default=None,
        validation_alias=DATABASE_URL,
        description="SoleFlip's database, a postgresql:// URL; not set, an embedded PostgreSQL with a sample",
    )
    owner_database_url: Annotated[URL | None, _url(OWNER_DATABASE_URL)] = Field(
        default=None,
        validation_alias=OWNER_DATABASE_URL,
        description="the same database as the owner of its tables, past any pooler, for what changes the "
        f"schema; not set, {DATABASE_URL} is that",
    )
    dagster_storage_url: Annotated[URL | None, _url(DAGSTER_STORAGE_URL)] = Field(
        default=None,
        validation_alias=DAGSTER_STORAGE_URL,
        description="Dagster's own storage, another database; not set, one on the embedded PostgreSQL",
    )
    home: Annotated[Path, AfterValidator(lambda path: path.expanduser().resolve())] = Field(
        default_factory=_default_home,
        validation_alias=HOME,
        description="folder of all state: embedded data, Dagster's home, dumps, reports",
    )
    sample: Annotated[Sample, BeforeValidator(_sample)] = Field(
        default="production",
        validation_alias=SAMPLE,
        description="which sample an empty embedded database is filled with: production, busy, applied, "
        "legacy_dropped or backups_dropped",
    )
    alert_urls: SecretStr | None = Field(
        default=None,
        validation_alias=ALERT_URLS,
        description="where alerts go: Apprise URLs with commas between, each for all alerts or tagged warn= "
        "or error=; not set, the log",
    )
    heartbeat_url: SecretStr | None = Field(
        default=None,
        validation_alias=HEARTBEAT_URL,
        description="called after each good refresh, for an outside monitor",
    )
    weekly_figures: Annotated[Literal["on", "off"], BeforeValidator(_on_or_off)] = Field(
        default="off",
        validation_alias=WEEKLY_FIGURES,
        description="whether who gets the alerts gets the week's figures on Monday morning: on or off",
    )
    ui_url: Annotated[str, _web_address(UI_URL)] = Field(
        default="http://127.0.0.1:3000",
        validation_alias=UI_URL,
        description="where alerts link to; its host is one that the UI answers, beside those of loopback; "
        "`soleflip up` sets it to its own URL",
    )
    viewers_url: Annotated[str | None, _web_address(VIEWERS_URL)] = Field(
        default=None,
        validation_alias=VIEWERS_URL,
        description="where people look at the UI who may change nothing; its host is answered, too",
    )
    runbook_url: str | None = Field(
        default=None,
        validation_alias=RUNBOOK_URL,
        description="where docs/runbook.md is to be read, if not at /runbook of the UI; alerts and red "
        "checks link to its sections",
    )
    freshness_warn_minutes: Minutes = Field(
        default=75, validation_alias=WARN_MINUTES, description="age of the metrics that warns"
    )
    freshness_error_minutes: Minutes = Field(
        default=120,
        validation_alias=ERROR_MINUTES,
        description="age of the metrics that is an error",
    )
    longest_refresh_minutes: Minutes = Field(
        default=60,
        validation_alias=LONGEST_REFRESH,
        description="how long a refresh may take before it is ended",
    )
    longest_deployment_hours: Hours = Field(
        default=24,
        validation_alias=LONGEST_DEPLOYMENT,
        description="how long a deployment, revert, restore or retirement may take before it is ended",
    )
    keep_log_days: Days = Field(
        default=30, validation_alias=LOG_DAYS, description="how long the log of a run is kept"
    )
    keep_runs_days: Days = Field(
        default=400,
        validation_alias=RUNS_DAYS,
        description="how long a run is kept, with what the UI plots of it",
    )
    keep_files_days: Days = Field(
        default=90, validation_alias=FILES_DAYS, description="how long dumps and reports are kept"
    )
    keep_dumps: Files = Field(
        default=3,
        validation_alias=DUMPS,
        description="how many of the newest dumps are kept anyway",
    )
    keep_reports: Files = Field(
        default=20,
        validation_alias=REPORTS,
        description="how many of the newest reports are kept anyway",
    )
    keep_history_months: Months | None = Field(
        default=None,
        validation_alias=HISTORY_MONTHS,
        description="how many months of the log of stock are kept before the present one, older ones being "
        "archived; not set, all",
    )
    warehouse: str | None = Field(
        default=None,
        validation_alias=WAREHOUSE,
        description="folder, or URI of an object store as s3://bucket/prefix, of the warehouse's files; not "
        f"set, warehouse in {HOME}",
    )
    warehouse_engine: Annotated[str, AfterValidator(_engine)] = Field(
        default="duckdb",
        validation_alias=WAREHOUSE_ENGINE,
        description="who computes on the warehouse: duckdb, in the process, or a Spark master, "
        "spark://host:7077",
    )
    warehouse_tables: Annotated[str, AfterValidator(_tables)] = Field(
        default="",
        validation_alias=WAREHOUSE_TABLES,
        description="where the application keeps what the warehouse loads beside the history, if elsewhere "
        "than usual: brand=catalog.brand,sales_order=sales.order",
    )
    keep_warehouse_days: Days = Field(
        default=7,
        validation_alias=WAREHOUSE_DAYS,
        description="how long what the warehouse held before can still be read",
    )
    port: Port = Field(
        default=3000, validation_alias=PORT, description="port of the UI of `soleflip up`"
    )
    code_server_host: str = Field(
        default="127.0.0.1",
        validation_alias=CODE_SERVER_HOST,
        description="where `soleflip health` finds the code server",
    )
    code_server_port: Port = Field(
        default=4000,
        validation_alias=CODE_SERVER_PORT,
        description="where `soleflip health` finds the code server",
    )
    webserver_host: str = Field(
        default="127.0.0.1",
        validation_alias=WEBSERVER_HOST,
        description="where `soleflip health` finds the webserver",
    )
    webserver_port: Port = Field(
        default=3000,
        validation_alias=WEBSERVER_PORT,
        description="where `soleflip health` finds the webserver",
    )
    heartbeat_tolerance: Seconds = Field(
        default=120,
        validation_alias=HEARTBEAT_TOLERANCE,
        description="seconds that the daemon may be silent before `soleflip health` calls it dead",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _trimmed(cls, value: Any, info: ValidationInfo) -> Any:
        """Leave out what a secret's file or a line of YAML has around a value: most often the line's end."""
        if not isinstance(value, str):
            return value
        field = cls.model_fields[str(info.field_name)]
        return value.strip() or field.get_default(call_default_factory=True)

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the environment.

        Raises:
            ConfigurationError: a variable is set to something that cannot be meant.
        """
        try:
            found = cls()
        except ValidationError as error:
            # `from None`: pydantic's message quotes every value, passwords included.
            raise ConfigurationError(_sentence(error)) from None
        found._require_consistent()
        return found

    def _require_consistent(self) -> None:
        # PostgreSQL keeps its folder as a line of postmaster.pid: it starts, and nobody finds it again.
        if not str(self.home).isprintable():
            raise ConfigurationError(
                f"{HOME} has a line break, or another character that cannot be printed, in it: name a folder "
                "without."
            )
        if self.owner_database_url and not self.database_url:
            raise ConfigurationError(
                f"{OWNER_DATABASE_URL} is set without {DATABASE_URL}: set both, or {DATABASE_URL} only."
            )
        # Dagster loads no freshness policy in which they are equal.
        if self.freshness_warn_minutes >= self.freshness_error_minutes:
            raise ConfigurationError(
                f"{WARN_MINUTES} is not less than {ERROR_MINUTES}: a warning comes before an error."
            )
        if self.keep_log_days > self.keep_runs_days:
            raise ConfigurationError(
                f"{LOG_DAYS} is more than {RUNS_DAYS}: a run's log goes before the run, or with it."
            )

    @property
    def listed(self) -> list[Setting]:
        """Every variable with its value, source and meaning, nothing secret among them."""
        return list(self._listed())

    def _listed(self) -> Iterator[Setting]:
        for name, field in type(self).model_fields.items():
            value, variable = getattr(self, name), str(field.validation_alias)
            source = "environment" if name in self.model_fields_set else "default"
            if value is None and variable in {DATABASE_URL, DAGSTER_STORAGE_URL}:
                source = "embedded"
            yield Setting(variable, _shown(value), source, str(field.description))

    @property
    def public_urls(self) -> list[str]:
        """Under which the UI is reached from elsewhere: those that the environment names."""
        named = {"ui_url", "viewers_url"} & self.model_fields_set
        return [str(getattr(self, name)) for name in sorted(named)]

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
    def archive(self) -> Path:
        """Where months that leave a table are kept, as Parquet."""
        return self.home / "archive"

    @property
    def warehouse_places(self) -> dict[str, str]:
        """Where the application keeps a table, as ``schema.name``, if elsewhere than usual."""
        parts = (part.strip().split("=") for part in self.warehouse_tables.split(",") if part)
        return dict(parts)

    @property
    def warehouse_folder(self) -> str:
        """The folder or URI of the warehouse's files."""
        if self.warehouse is None:
            return str(self.home / "warehouse")
        if "://" in self.warehouse:
            return self.warehouse.rstrip("/")
        return str(Path(self.warehouse).expanduser().resolve())

    @property
    def reports(self) -> Path:
        """Where ``phase2/deployment_report`` writes."""
        return self.home / "reports"


def _shown(value: Any) -> str | None:
    if isinstance(value, URL):
        return shown(value)
    # Any address may hold a password.
    return None if value is None else re.sub(r"//[^/@]*@", "//***@", str(value))


def meanings() -> list[tuple[str, str]]:
    """Every variable with what it decides."""
    fields = Settings.model_fields.values()
    return [(str(field.validation_alias), str(field.description)) for field in fields]


def _sentence(error: ValidationError) -> str:
    """What is wrong with the first variable that is."""
    first = error.errors(include_url=False)[0]
    return f"{first['loc'][0]} is {first['input']!r}: {first['msg'].removeprefix('Value error, ')}."
