"""Amounts as people read them. Here: bytes. Not here: how money is computed, which is SQL's."""

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def megabytes(count: int) -> float:
    """Bytes as megabytes with three decimals: for a number that the UI plots."""
    return round(count / 1e6, 3)


def told_bytes(count: int) -> str:
    """Bytes in words, as ``214.1 kB`` or ``1.3 GB``: for a sentence or a table."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"
