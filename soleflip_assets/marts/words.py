"""Figures as people read them: euros, counts, percent, days, dates. What is unknown is called so."""

from datetime import date, datetime
from decimal import Decimal

UNKNOWN = "unknown"

# As wide as a plus, which a hyphen is not.
_MINUS = "\N{MINUS SIGN}"

_THOUSAND = 1_000
_MILLION = 1_000_000

Number = int | float | Decimal


def euros(value: Number | None) -> str:
    """``€1,235``: whole euros, as nobody decides by cents."""
    return UNKNOWN if value is None else _signed(value, f"€{abs(value):,.0f}")


def cents(value: Number | None) -> str:
    """``€1,234.56``."""
    return UNKNOWN if value is None else _signed(value, f"€{abs(value):,.2f}")


def euros_of_axis(value: float) -> str:
    """``€1.2M``, ``€250k``, ``€80``: for beside an axis."""
    size = abs(value)
    if size >= _MILLION:
        return _signed(value, f"€{size / _MILLION:.1f}M".replace(".0M", "M"))
    if size >= _THOUSAND:
        return _signed(value, f"€{size / _THOUSAND:.1f}k".replace(".0k", "k"))
    return _signed(value, f"€{size:.0f}")


def count(value: Number | None) -> str:
    """``1,235``."""
    return UNKNOWN if value is None else _signed(value, f"{abs(value):,.0f}")


def percent(value: Number | None) -> str:
    """``12.3%``."""
    return UNKNOWN if value is None else _signed(value, f"{abs(value):.1f}%")


def percent_of_axis(value: float) -> str:
    """``40%``: for beside an axis."""
    return _signed(value, f"{abs(value):.0f}%")


def change(value: Number | None) -> str:
    """With its sign: ``+12.3%``."""
    if value is None:
        return UNKNOWN
    return f"+{value:.1f}%" if value > 0 else percent(value)


def days(value: Number | None) -> str:
    """``22 days``."""
    if value is None:
        return UNKNOWN
    return "1 day" if value == 1 else f"{value:,.0f} days"


def day(value: date | None) -> str:
    """``26 Nov 2026``."""
    return UNKNOWN if value is None else f"{value.day} {value:%b %Y}"


def month(value: date | None) -> str:
    """``Nov 2026``."""
    return UNKNOWN if value is None else f"{value:%b %Y}"


def moment(value: datetime | None) -> str:
    """``26 Nov 2026, 07:15 UTC``."""
    return UNKNOWN if value is None else f"{day(value)}, {value:%H:%M} UTC"


def text(value: str | None) -> str:
    """A name."""
    return UNKNOWN if value is None else value


def _signed(value: Number, shown: str) -> str:
    # None before what is shown as zero.
    return (
        f"{_MINUS}{shown}" if value < 0 and any(digit in "123456789" for digit in shown) else shown
    )
