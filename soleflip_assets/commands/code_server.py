"""Dagster's command line as a module with a ``main``, for the code server of ``soleflip up``.

``dagster`` runs when it is imported as a module, and a run that the code server starts imports what the code
server is. Here: that. Not here: which code, or where (up.py).
"""

from importlib.metadata import entry_points

(_SCRIPT,) = entry_points(group="console_scripts", name="dagster")
_dagster = _SCRIPT.load()


def main() -> None:
    """Run ``dagster`` with the options of the command line."""
    _dagster()
