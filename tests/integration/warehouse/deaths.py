"""A process that loads a warehouse and dies at a line of its own choosing, by SIGKILL."""

import multiprocessing
import os
import signal
import sys
from types import FrameType
from typing import Any

from pyiceberg.catalog import sql as catalog_code
from sqlalchemy.engine import make_url

from soleflip_assets.warehouse import loading as loading_code
from soleflip_assets.warehouse import shop as shop_code
from soleflip_assets.warehouse import store as store_code
from soleflip_assets.warehouse.loading import load, rebuild
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.integration.warehouse.kept import Loading

# Forked from a process that has imported this already: four seconds each.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])

# Of a table, and of what belongs together.
_COMMITS = {"commit_table", "update_namespace_properties"}
# What decides whether something is written, and what writes it.
_WATCHED = {code.__file__ for code in (loading_code, shop_code, store_code, catalog_code)}


def load_until(
    loading: Loading, number: int, *, again: bool = False, boundary: str = "line"
) -> tuple[int | None, int]:
    """Load, in a process of its own, until so many boundaries have been passed.

    Args:
        loading: which shop, and which warehouse.
        number: of the boundary at which it is killed; 0 for never.
        again: load everything again.
        boundary: ``line``, or ``commit``: the begin and the end of each.

    Returns:
        What the process ended with, and how many boundaries there were.
    """
    receiver, sender = _PROCESSES.Pipe(duplex=False)
    urls = [url.render_as_string(hide_password=False) for url in (loading.url, loading.catalog)]
    process = _PROCESSES.Process(
        target=_load, args=([*urls, loading.warehouse.folder, boundary], number, again, sender)
    )
    process.start()
    sender.close()
    process.join(60)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode, receiver.recv() if process.exitcode == 0 else number


def _load(where: list[str], number: int, again: bool, sender: Any) -> None:
    url, catalog, folder, boundary = where
    seen = 0

    def trace(frame: FrameType, what: str, _argument: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename not in _WATCHED:
            return None
        is_commit = frame.f_code.co_name in _COMMITS and what in {"call", "return"}
        if is_commit if boundary == "commit" else what == "line":
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    warehouse, shop = Warehouse(folder, make_url(catalog)), Shop(make_url(url))
    sys.settrace(trace)
    for _ in rebuild(warehouse, shop, _ignore) if again else load(warehouse, shop, _ignore):
        pass
    sys.settrace(None)
    sender.send(seen)


def _ignore(line: str) -> None:
    pass
