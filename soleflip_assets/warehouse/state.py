"""What a table of the warehouse knows of its own loading: from where, up to which snapshot, what is left.

Kept as a property of the commit that wrote the rows, so that both are there or neither. Not here: what is
done about it (loading.py).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

PROPERTY = "soleflip.state"


@dataclass(frozen=True)
class Source:
    """Which log rows came from. Where one of them differs, a snapshot of the one means nothing in the other.

    Attributes:
        system_identifier: of the server's data directory; a dump that is restored elsewhere has another one.
        database_oid: a database that was dropped and made again has another one.
        timeline: of the server; a standby that took over, or a restore to a point in time, has another one.
        log_oid: of the log's table, which is made again when the history is uninstalled and installed.
        database: its name, for people.
    """

    system_identifier: str
    database_oid: int
    timeline: int
    log_oid: int
    database: str

    def is_same_database(self, other: "Source") -> bool:
        """Whether both are one database, whatever became of it meanwhile."""
        return (self.system_identifier, self.database_oid) == (
            other.system_identifier,
            other.database_oid,
        )

    def can_continue(self, other: "Source") -> bool:
        """Whether a snapshot taken there still means something here."""
        return self.is_same_database(other) and (self.timeline, self.log_oid) == (
            other.timeline,
            other.log_oid,
        )


@dataclass(frozen=True)
class LogState:
    """How far a log is loaded.

    The table holds exactly the events that ``snapshot`` sees, but those of the months in ``pending``.

    Attributes:
        source: where they came from.
        snapshot: a pg_snapshot as text.
        loaded_at: when the snapshot was taken, by the shop's clock.
        pending: the months, as ``YYYY-MM``, that are still to be read as of the snapshot.
    """

    source: Source
    snapshot: str
    loaded_at: datetime
    pending: tuple[str, ...] = ()

    @property
    def properties(self) -> dict[str, str]:
        """As a commit keeps it."""
        return {PROPERTY: json.dumps(asdict(self), default=datetime.isoformat)}

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Self | None:
        """What a commit kept; None where somebody else made the commit."""
        if PROPERTY not in properties:
            return None
        found = json.loads(properties[PROPERTY])
        return cls(
            source=Source(**found["source"]),
            snapshot=found["snapshot"],
            loaded_at=datetime.fromisoformat(found["loaded_at"]),
            pending=tuple(found["pending"]),
        )


@dataclass(frozen=True)
class TableState:
    """What a table of the application's was when it was loaded.

    Attributes:
        version: what changes when the table does; None where nothing tells.
    """

    version: str | None

    @property
    def properties(self) -> dict[str, str]:
        """As a commit keeps it."""
        return {PROPERTY: json.dumps(asdict(self))}

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Self | None:
        """What a commit kept; None where somebody else made the commit."""
        return cls(**json.loads(properties[PROPERTY])) if PROPERTY in properties else None
