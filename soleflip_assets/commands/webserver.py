"""Dagster's webserver behind our guard: ``python -m soleflip_assets.commands.webserver``.

Takes the options and the environment of ``dagster-webserver``, of which it replaces one function: that which
serves the app once it is made. Without the replaced one nothing is served. Here: starting. Not here: what is
let through (guard.py), or what is shown beside Dagster's pages (pages.py).
"""

import sys
from typing import Any

import uvicorn
from dagster_webserver import cli
from dagster_webserver.app import create_app_from_workspace_process_context

from soleflip_assets.commands.guard import Guard, origins
from soleflip_assets.commands.pages import Pages
from soleflip_assets.ground import runbook
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_ANY = ("0.0.0.0", "::", "")  # noqa: S104 not to listen there, but to know that somebody does


def own_origins(host: str, port: int) -> frozenset[str]:
    """The origins under which it is reached: by loopback, where it listens, by its public names.

    Args:
        host: where it listens.
        port: likewise.

    Raises:
        ConfigurationError: a public name is no http:// or https:// URL.
    """
    names = _LOOPBACK if host in _ANY else (*_LOOPBACK, host)
    return origins(
        *(f"http://{name}:{port}" for name in names), *Settings.from_environment().public_urls
    )


def _serve(context: Any, host: str | None, port: int | None, *options: Any) -> None:
    """Serve until a signal arrives, as the function of this place in Dagster does, but guarded.

    Args:
        context: Dagster's, with the code location in it.
        host: where to listen; None is Dagster's default.
        port: likewise.
        options: the prefix of all paths, the level of uvicorn's log, how often the UI asks for news in ms.
    """
    host, port = host or cli.DEFAULT_WEBSERVER_HOST, port or cli.DEFAULT_WEBSERVER_PORT
    path_prefix, log_level, live_data_poll_rate = options
    app = create_app_from_workspace_process_context(context, path_prefix, live_data_poll_rate)
    guarded = Guard(Pages(app, path_prefix + runbook.PATH), own_origins(host, port))
    uvicorn.run(guarded, host=host, port=port, log_level=log_level, server_header=False)


def main() -> None:
    """Run Dagster's command line with our way of serving."""
    assert callable(cli.host_dagster_ui_with_workspace_process_context)
    cli.host_dagster_ui_with_workspace_process_context = _serve  # type: ignore[assignment]
    try:
        cli.dagster_webserver(auto_envvar_prefix="DAGSTER_WEBSERVER")
    except ConfigurationError as error:
        sys.exit(f"soleflip: {error}")


if __name__ == "__main__":
    main()
