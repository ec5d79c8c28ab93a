"""`soleflip settings` finds what would be found only when it is needed."""

import pytest
from click.testing import CliRunner

from soleflip_assets.commands.settings import settings


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_alert_target_that_nobody_knows_is_told_without_its_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOLEFLIP_ALERT_URLS", "foo://user:hidden@host")
    done = CliRunner().invoke(settings, [])
    assert done.exit_code == 2
    assert "SOLEFLIP_ALERT_URLS" in done.output
    assert "hidden" not in done.output
