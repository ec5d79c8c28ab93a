"""What SOLEFLIP_ALERT_URLS may say, and that no secret of it gets out."""

import logging

import pytest

from soleflip_assets.alerts.state import Severity
from soleflip_assets.alerts.targets import targets_from_environment
from soleflip_assets.ground.errors import ConfigurationError

# One of Apprise's many plugins imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "T1JJ3T3L2-A1BRTD4JD-TIiajkdnlazkcOXrIdevi7FQ"


@pytest.fixture(autouse=True)
def talkative_loggers() -> None:
    """As a new process has them: what one test silences must not hide what the next one would log."""
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def parse(monkeypatch: pytest.MonkeyPatch, value: str) -> list[tuple[str, Severity | None]]:
    monkeypatch.setenv("SOLEFLIP_ALERT_URLS", value)
    return [(target.name, target.severity) for target in targets_from_environment(print)]


def test_tags_choose_the_severity_and_names_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parse(monkeypatch, f"warn=json://host/{SECRET}, error=json://host/{SECRET},json://h/a")

    assert [severity for _, severity in found] == [Severity.WARN, Severity.ERROR, None]
    assert len({name for name, _ in found}) == 3
    assert all(SECRET not in name and "host" not in name for name, _ in found)


def test_name_is_the_same_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse(monkeypatch, "json://host/a") == parse(monkeypatch, "json://host/a")


def test_comma_inside_a_url_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(parse(monkeypatch, "mailto://user:pw@example.com?to=a@b.de,c@d.de,json://host")) == 2


def test_same_url_twice_is_one_target(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(parse(monkeypatch, "json://host/a,json://host/a")) == 1


@pytest.mark.parametrize(
    "value",
    [
        f"slak://{SECRET}",
        f"slack://{SECRET[:3]}",
        f"tgram://{SECRET}/",
        f"fatal=json://host/{SECRET}",
        f"hooks.slack.com/{SECRET}",
        f"json://good,nonsense://{SECRET}",
    ],
)
def test_wrong_entry_is_named_by_its_number_and_not_by_its_secret(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    value: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigurationError, match=r"Entry \d of SOLEFLIP_ALERT_URLS") as raised:
        parse(monkeypatch, value)

    written = str(raised.value) + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in written
    assert SECRET[10:] not in written


def test_failing_target_is_reported_without_its_url(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SOLEFLIP_ALERT_URLS", f"json://user:{SECRET}@127.0.0.1:9/{SECRET}?cto=1")
    (target,) = targets_from_environment(print)

    assert not target.send("title", "body", Severity.ERROR)
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


def test_without_urls_the_log_is_told_and_how_to_change_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SOLEFLIP_ALERT_URLS", raising=False)
    lines: list[str] = []
    (target,) = targets_from_environment(lines.append)

    assert target.send("title", "body", None)
    assert "title" in lines[0]
    assert "Set SOLEFLIP_ALERT_URLS" in lines[0]
