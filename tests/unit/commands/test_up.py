"""What `soleflip up` refuses before it starts anything."""

import tempfile

import pytest

from soleflip_assets.commands.up import require_short_temporary_folder
from soleflip_assets.ground.errors import ConfigurationError


def test_temporary_folder_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 65)  # noqa: S108 nothing is made there
    require_short_temporary_folder()
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 66)  # noqa: S108 nothing is made there
    with pytest.raises(ConfigurationError, match="set TMPDIR"):
        require_short_temporary_folder()
