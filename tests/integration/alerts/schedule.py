"""A schedule or sensor as the daemon records it: stopped by somebody, and its ticks."""

import dagster as dg

# Private, because only a running daemon has public ways of making a tick; the project itself uses none of it.
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_shared.error import SerializableErrorInfo


class Schedule:
    """A schedule as the daemon records it; or a sensor."""

    def __init__(
        self, instance: dg.DagsterInstance, name: str = "hourly", *, sensor: bool = False
    ) -> None:
        self.instance = instance
        self.name = name
        self.type = InstigatorType.SENSOR if sensor else InstigatorType.SCHEDULE
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(
                InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="shop")),
                "__repository__",
            ),
            name,
        )
        self.state = instance.add_instigator_state(
            InstigatorState(
                origin,
                self.type,
                InstigatorStatus.DECLARED_IN_CODE,
                SensorInstigatorData() if sensor else ScheduleInstigatorData("0 * * * *"),
            )
        )

    def set(self, status: str) -> None:
        self.state = self.instance.update_instigator_state(
            self.state.with_status(InstigatorStatus(status))
        )

    def tick(self, at: float, status: str, error: str | Exception = "") -> None:
        self.instance.create_tick(
            TickData(
                instigator_origin_id=self.state.instigator_origin_id,
                instigator_name=self.name,
                instigator_type=self.type,
                status=TickStatus(status),
                timestamp=at,
                selector_id=self.state.selector_id,
                error=_as_recorded(error) if error else None,
            )
        )

    def fail_last_tick(self) -> None:
        """The tick that was made last ends, and has failed."""
        (started,) = self.instance.get_ticks(
            self.state.instigator_origin_id, self.state.selector_id, limit=1
        )
        error = SerializableErrorInfo("x", [], None)
        self.instance.update_tick(started.with_status(TickStatus.FAILURE, error=error))


def _as_recorded(error: str | Exception) -> SerializableErrorInfo:
    if isinstance(error, str):
        return SerializableErrorInfo(error, [], None)
    assert error.__traceback__ is not None
    return serializable_error_info_from_exc_info((type(error), error, error.__traceback__))
