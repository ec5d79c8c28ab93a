"""Files of the warehouse as they are written: on the disk before anybody names them.

PostgreSQL has its commit on the disk when it says so; a file that was only written may be gone or empty after
a power cut, and a table whose newest commit names it could never be read again. Here: that. Not here: which
files there are (store.py).
"""

import io
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs
from pyiceberg.io.pyarrow import PyArrowFileIO


class DurableFileIO(PyArrowFileIO):
    """pyiceberg's way to files, where a local one is on the disk when it is closed.

    An object store has no such step: what it has answered for is there.
    """

    def _initialize_local_fs(self) -> fs.FileSystem:
        return _DurableFileSystem()


IMPLEMENTATION = f"{DurableFileIO.__module__}.{DurableFileIO.__qualname__}"
"""As pyiceberg is told of it."""


class _DurableFileSystem(fs.LocalFileSystem):  # type: ignore[misc]
    def open_output_stream(self, path: str, *_args: Any, **_how: Any) -> pa.NativeFile:
        _make_folder(Path(path).parent)
        return pa.PythonFile(_DurableFile(path, "wb"), mode="w")


class _DurableFile(io.FileIO):
    def close(self) -> None:
        if not self.closed:
            os.fsync(self.fileno())
            _sync_folder(Path(str(self.name)).parent)
        super().close()


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """The name of a new file is the folder's, which has to be on the disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
