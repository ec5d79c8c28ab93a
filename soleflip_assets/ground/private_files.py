"""Folders and files of ours alone: made new and private, refused where somebody else could have made them.

``SOLEFLIP_HOME`` may lie where others may write, below a common temporary folder at worst. Whoever made a
folder of that name before us could read what we write there, or lead us by a symbolic link to a file of ours
that they want emptied. Here: making and opening. Not here: what is written, or where the folders are.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.settings import HOME

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
# Read and write; made if it is not there, never by way of a link. Of a FIFO, open() would wait for a reader.
_OPENED = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def private_folder(path: Path, *, passable: bool = False) -> Path:
    """Make a folder that is ours alone, or see that one is.

    One of ours into which others may write is closed to them: they had no need to.

    Args:
        path: the folder; those above it are made, too.
        passable: let others pass through to what they know is in it, but not look around.

    Returns:
        The folder.

    Raises:
        ConfigurationError: it is a link or no folder, belongs to somebody else, or cannot be made.
    """
    mode = 0o711 if passable else 0o700
    try:
        if not path.parent.is_dir():
            private_folder(path.parent, passable=passable)
        try:
            path.mkdir(mode=mode)
        except FileExistsError:
            _require_ours(path)
        else:
            # mkdir's mode is less what the umask takes.
            path.chmod(mode)
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def _require_ours(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise _not_ours(path, "is a symbolic link")
    if not stat.S_ISDIR(found.st_mode):
        raise _not_ours(path, "is no folder")
    if found.st_uid != os.geteuid():
        raise _not_ours(path, "belongs to somebody else")
    _close_to_others(path, found.st_mode)


def _close_to_others(path: Path, mode: int) -> None:
    if mode & _WRITABLE_BY_OTHERS:
        path.chmod(stat.S_IMODE(mode) & ~_WRITABLE_BY_OTHERS)


def require_ours_within(folder: Path, *, accounts: frozenset[int] = frozenset()) -> None:
    """See that nothing directly in a folder was put there by somebody else, and nobody else may write to it.

    Args:
        folder: ours.
        accounts: whose entries are as good as ours: the account as which the embedded server runs for root.

    Raises:
        ConfigurationError: something is a link, or belongs to somebody else.
    """
    known = accounts | {os.geteuid()}
    for path in folder.iterdir():
        try:
            found = path.lstat()
        except FileNotFoundError:  # another command's, gone since
            continue
        if stat.S_ISLNK(found.st_mode):
            raise _not_ours(path, "is a symbolic link")
        if found.st_uid not in known:
            raise _not_ours(path, "belongs to somebody else")
        _close_to_others(path, found.st_mode)


def private_file(path: Path) -> int:
    """Open a file of ours for reading and writing, made if it is not there, readable by nobody else.

    Returns:
        Its descriptor, at its start; what was in it is there.

    Raises:
        ConfigurationError: it is a link, no file or somebody else's, or the disk is full.
    """
    try:
        descriptor = os.open(path, _OPENED, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_ours(path, "is a symbolic link") from None
        raise unwritable(path, error) from None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1:
        os.fchmod(descriptor, 0o600)
        return descriptor
    os.close(descriptor)
    raise _not_ours(path, "is no file of ours alone")


def write_private_file(path: Path, content: str) -> None:
    """Put a private file in its place, whole or not at all, whatever was there; a link is not followed.

    Raises:
        ConfigurationError: it cannot be written, or the disk is full.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, _OPENED | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> ConfigurationError:
    """What to say where something cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConfigurationError(
            f"The disk of {path} is full: make room there, or set {HOME} to a folder on another one."
        )
    return ConfigurationError(
        f"{path} cannot be written ({error.strerror}): set {HOME} to a folder of your own."
    )


def _not_ours(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} {why}, so what is written there would not be ours alone: remove it, or set {HOME} to a "
        "folder of your own."
    )
