"""When everything that runs must end: one table, each number with its reason.

Here: the numbers. Not here: who keeps them, which is said in ``kept_by``. docs/deadlines.md is this table for
people; a test compares the two.
"""

from dataclasses import dataclass

from soleflip_assets.ground.settings import Settings

_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Deadline:
    """After how long something is ended, given up or told of.

    Attributes:
        what: has to end, or is told of.
        number: how long, in units.
        unit: ``s``, ``min`` or ``h``.
        why: this number.
        kept_by: who sees to it.
        setting: the field of Settings that overrides the number, in the same unit; empty if none does.
    """

    what: str
    number: int
    unit: str
    why: str
    kept_by: str
    setting: str = ""

    @property
    def seconds(self) -> int:
        """The deadline in seconds, as the environment has it.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        if not self.setting:
            return self.default_seconds
        number: int = getattr(Settings.from_environment(), self.setting)
        return number * _SECONDS[self.unit]

    @property
    def default_seconds(self) -> int:
        """The deadline in seconds where nothing is set."""
        return self.number * _SECONDS[self.unit]

    @property
    def variable(self) -> str:
        """The environment variable of its setting; empty if it has none."""
        return str(Settings.model_fields[self.setting].validation_alias) if self.setting else ""

    @property
    def milliseconds(self) -> str:
        """As PostgreSQL's settings take it."""
        return f"{self.seconds * 1000}ms"


def _default(setting: str) -> int:
    number: int = Settings.model_fields[setting].default
    return number


# Connections.
CONNECT = Deadline(
    "opening a connection", 10, "s", "A server that is up answers in milliseconds.", "libpq"
)
KEEPALIVE_IDLE = Deadline(
    "silence before the first keepalive",
    30,
    "s",
    "Less than any firewall forgets a connection after; Linux's own is two hours.",
    "the kernel",
)
KEEPALIVE_INTERVAL = Deadline(
    "from one keepalive to the next", 10, "s", "Three unanswered ones are a minute.", "the kernel"
)
UNACKNOWLEDGED = Deadline(
    "data that nobody acknowledges",
    60,
    "s",
    "As long as keepalives take, which are not sent while data is on its way.",
    "the kernel (tcp_user_timeout)",
)
ANSWER_PROBE = Deadline(
    "silence of a statement before we ask the server whether it still works on it",
    30,
    "s",
    "A proxy may swallow an answer and keep the connection; most statements take less.",
    "ground/bounded.py",
)
ANSWER_LOST = Deadline(
    "a server that answers nothing at all",
    5,
    "min",
    "A failover takes one or two; the statement is given up then.",
    "ground/bounded.py",
)
STORAGE_ANSWER = Deadline(
    "silence of Dagster's own storage",
    60,
    "s",
    "Its statements take milliseconds; a tick has as long.",
    "running/storage.py",
)
CLIENT_GONE = Deadline(
    "a statement whose client was killed",
    10,
    "s",
    "Else it holds its locks until it ends by itself.",
    "PostgreSQL (client_connection_check_interval)",
)

# Statements and locks.
STATEMENT = Deadline(
    "a statement that has no other deadline",
    1,
    "h",
    "An index, or a copy of a table, of a very large shop.",
    "PostgreSQL (statement_timeout)",
)
LOCK = Deadline(
    "a wait for a lock that has no other deadline",
    10,
    "min",
    "Who waits longer waits for something that hangs.",
    "PostgreSQL (lock_timeout)",
)
LOOK_LOCK = Deadline(
    "a look's wait for a lock",
    10,
    "s",
    "What watches must not hang on what it watches.",
    "PostgreSQL (lock_timeout)",
)
LOOK = Deadline(
    "a look",
    2,
    "min",
    "The slowest takes seconds at a million rows.",
    "PostgreSQL (statement_timeout)",
)
WATCH_LOCK = Deadline(
    "a wait for a lock of a sensor, a schedule or `soleflip status`",
    5,
    "s",
    "What watches must not hang on what it watches; a tick has 60 s.",
    "PostgreSQL (lock_timeout)",
)
WATCH = Deadline(
    "a statement of a sensor, a schedule or `soleflip status`",
    15,
    "s",
    "The slowest counts a million rows in one; a tick has 60 s for three of them.",
    "PostgreSQL (statement_timeout)",
)
LOAD_STATEMENT = Deadline(
    "a statement that reads for the warehouse",
    15,
    "min",
    "A month of a very large log; five million events take one minute.",
    "PostgreSQL (statement_timeout)",
)
DEPLOY_LOCK = Deadline(
    "a deployment's wait for a lock, each of 30 times",
    2,
    "s",
    "Everybody who comes after a waiting ALTER TABLE waits behind it.",
    "PostgreSQL (lock_timeout)",
)
CONCURRENT_LOCK = Deadline(
    "an index's wait for older transactions",
    10,
    "min",
    "Nobody waits behind it; cut short, it leaves an invalid index.",
    "PostgreSQL (lock_timeout)",
)
REFRESH_LOCK = Deadline(
    "a refresh's wait for another one",
    10,
    "min",
    "A refresh takes 10 s at a million rows; who waits longer waits for something that hangs.",
    "PostgreSQL (lock_timeout)",
)
WAREHOUSE_LOCK = Deadline(
    "a load's wait for another one",
    10,
    "min",
    "A full load takes one at five million events; who waits longer waits for something that hangs.",
    "PostgreSQL (lock_timeout)",
)
EXPIRY_LOCK = Deadline(
    "expiring's wait for a lock",
    30,
    "s",
    "The next look is a minute later.",
    "PostgreSQL (lock_timeout)",
)

# Runs.
REFRESH = Deadline(
    "a run of refresh_stock_metrics",
    _default("longest_refresh_minutes"),
    "min",
    "The next one is due; a refresh takes 10 s at a million rows.",
    "run monitoring (dagster/max_runtime); PostgreSQL (statement_timeout)",
    "longest_refresh_minutes",
)
EXPIRY = Deadline(
    "a run of expire_reservations",
    10,
    "min",
    "A batch of a thousand takes a second.",
    "run monitoring (dagster/max_runtime)",
)
WATCH_RUN = Deadline(
    "a run that only looks, or keeps house",
    2,
    "h",
    "Twenty looks of two minutes, and as much again.",
    "run monitoring (dagster/max_runtime)",
)
DEPLOYMENT = Deadline(
    "a run that deploys, switches, reverts, restores or retires",
    _default("longest_deployment_hours"),
    "h",
    "Backups and indexes of a very large shop; it may be run again and resumes.",
    "run monitoring (dagster/max_runtime)",
    "longest_deployment_hours",
)
START = Deadline(
    "the start of a run",
    180,
    "s",
    "Loading the code takes seconds; under load, a minute was seen.",
    "run monitoring (start_timeout_seconds)",
)
CANCEL = Deadline(
    "the end of a run that was cancelled",
    180,
    "s",
    "A step ends with its statement, which is cancelled.",
    "run monitoring (cancel_timeout_seconds)",
)
LOST_RUN = Deadline(
    "a run whose process is gone",
    30,
    "s",
    "The sensor `watch` looks so often; so does every command, when it starts.",
    "running/lost.py",
)

# What is told of.
QUEUED_LONG = Deadline(
    "a run that waits in the queue",
    10,
    "min",
    "Ten run at once, and each takes seconds: something holds them up.",
    "the sensor alerts",
)
STARTED_LONG = Deadline(
    "a run that goes on beyond half of its own deadline",
    30,
    "min",
    "Told no earlier than this; what may take a day is told after twelve hours.",
    "the sensor alerts",
)
TRANSACTION_OLD = Deadline(
    "a transaction that is left open, prepared ones included",
    30,
    "min",
    "What was written since counts as pending, however wrong it is.",
    "the check no_transaction_holds_back",
)

# Processes.
TICK = Deadline(
    "a tick of a schedule or sensor",
    60,
    "s",
    "Dagster's own.",
    "the daemon (DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS, DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS)",
)
PROBE = Deadline(
    "an answer to `soleflip health`",
    5,
    "s",
    "Who asks does so every half a minute.",
    "commands/health.py",
)
READY = Deadline(
    "the start of `soleflip up`",
    180,
    "s",
    "Seconds on an idle machine; a minute was seen on a busy one.",
    "commands/up.py",
)
STOP = Deadline(
    "a process of `soleflip up` that was asked to end",
    20,
    "s",
    "A refresh is one transaction and takes less; then the process is killed.",
    "commands/processes.py",
)
SEND = Deadline(
    "an alert that is sent to one target",
    10,
    "s",
    "A target that answers takes one; each of the others is sent to meanwhile.",
    "alerts/targets.py",
)
NO_NEW_SEND = Deadline(
    "the time in which a tick begins to send to a target",
    20,
    "s",
    "A tick has 60 s; what is left over is sent by the next one, ten seconds later.",
    "alerts/delivery.py",
)
HEARTBEAT = Deadline(
    "a call of the heartbeat's URL",
    10,
    "s",
    "An outside monitor answers in one; the next tick tries again.",
    "alerts/heartbeat.py",
)
TELL_WAIT = Deadline(
    "silence of a command that waits",
    5,
    "s",
    "A person who sees nothing presses Ctrl-C.",
    "commands/waiting.py",
)

ALL = [value for value in list(globals().values()) if isinstance(value, Deadline)]


def table() -> str:
    """The table of docs/deadlines.md."""
    rows = [
        f"| {found.what} | {found.number} {found.unit} | {found.why} | {found.kept_by} "
        f"| {f'`{found.variable}`' if found.setting else ''} |"
        for found in ALL
    ]
    return "\n".join(
        [
            "| what | ends after | why | who keeps it | setting |",
            "| --- | ---: | --- | --- | --- |",
            *rows,
        ]
    )


# What every connection to PostgreSQL asks of libpq and the kernel.
CONNECTION_PARAMETERS = {
    "connect_timeout": str(CONNECT.number),
    "keepalives_idle": str(KEEPALIVE_IDLE.number),
    "keepalives_interval": str(KEEPALIVE_INTERVAL.number),
    "keepalives_count": "3",
    "tcp_user_timeout": str(UNACKNOWLEDGED.number * 1000),
}
