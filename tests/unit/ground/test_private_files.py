"""What is ours alone is made so; what somebody else could have put there is refused and left as it was."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from soleflip_assets.commands.environment import make_home
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.private_files import (
    private_file,
    private_folder,
    write_private_file,
)

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A file that must stay as it is."""
    path = tmp_path / "theirs"
    path.write_text("kept")
    return path


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = private_folder(tmp_path / "a" / "b")
        os.close(private_file(folder / "file"))
        write_private_file(folder / "written", "")
        passable = private_folder(tmp_path / "c", passable=True)
    finally:
        os.umask(before)
    assert [mode(path) for path in (folder.parent, folder, passable)] == [0o700, 0o700, 0o711]
    assert [mode(folder / name) for name in ("file", "written")] == [0o600, 0o600]


def test_what_is_ours_already_is_closed_to_others_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "file").chmod(0o666)
    private_folder(tmp_path)
    with os.fdopen(private_file(tmp_path / "file")) as file:
        assert file.read() == "kept"
    assert (mode(tmp_path), mode(tmp_path / "file")) == (0o755, 0o600)


@pytest.mark.parametrize("make", [private_folder, private_file])
def test_link_is_not_followed(tmp_path: Path, theirs: Path, make: Callable[[Path], object]) -> None:
    link = tmp_path / "link"
    for target in (theirs, tmp_path, tmp_path / "nowhere"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(ConfigurationError, match="link is a symbolic link"):
            make(link)
    assert theirs.read_text() == "kept"
    assert not (tmp_path / "nowhere").exists()


def test_file_that_has_another_name_is_refused(tmp_path: Path, theirs: Path) -> None:
    """A hard link to a file of ours elsewhere would have that emptied."""
    (tmp_path / "name").hardlink_to(theirs)
    with pytest.raises(ConfigurationError, match="no file of ours alone"):
        private_file(tmp_path / "name")
    assert theirs.read_text() == "kept"


def test_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="no file of ours alone"):
        private_file(tmp_path / "pipe")


def test_file_takes_the_place_of_a_link_and_not_of_what_that_names(
    tmp_path: Path, theirs: Path
) -> None:
    for name in ("link", f"link.{os.getpid()}"):
        (tmp_path / name).symlink_to(theirs)
    write_private_file(tmp_path / "link", "ours")
    assert theirs.read_text() == "kept"
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").read_text() == "ours"


def _link(home: Path) -> None:
    (home / "dagster").symlink_to(home.parent)


def _file(home: Path) -> None:
    (home / "logs").touch()
    os.chown(home / "logs", NOBODY, NOBODY)


def _home(home: Path) -> None:
    os.chown(home, NOBODY, NOBODY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to somebody else")
@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_link, "home/dagster is a symbolic link"),
        (_file, "home/logs belongs to somebody else"),
        (_home, "home belongs to somebody else"),
    ],
)
def test_home_in_which_somebody_else_was_is_refused(
    tmp_path: Path, plant: Callable[[Path], None], said: str
) -> None:
    home = private_folder(tmp_path / "home")
    plant(home)
    with pytest.raises(ConfigurationError, match=said):
        make_home(home)


def test_home_of_ours_is_taken_and_closed_to_others(tmp_path: Path) -> None:
    make_home(tmp_path / "home")
    (tmp_path / "home" / "dumps").mkdir()
    for path in (tmp_path / "home", tmp_path / "home" / "dumps"):
        path.chmod(0o777)
    make_home(tmp_path / "home")
    assert [mode(tmp_path / name) & 0o022 for name in ("home", "home/dumps")] == [0, 0]
