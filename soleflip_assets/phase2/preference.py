"""Which side counts where stock and a legacy row contradict each other: a resource, one for the whole run.

Here: what may be told. Not here: what follows from it (steps.py, sql/phase2/60).
"""

import dagster as dg
from pydantic import field_validator

SIDES = ("stock", "legacy")


class Preference(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What a deployment is told, in the run's configuration.

    Attributes:
        prefer: ``stock``, ``legacy``, or nothing: contradictions then stop the deployment, which lists them.
    """

    prefer: str = ""

    @field_validator("prefer")
    @classmethod
    def _is_a_side(cls, value: str) -> str:
        if value not in ("", *SIDES):
            raise ValueError(f"prefer is {value!r}: set it to stock or legacy, or leave it out")
        return value

    @property
    def side(self) -> str | None:
        """The side that counts; None if nothing was told."""
        return self.prefer or None
