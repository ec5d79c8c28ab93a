"""The columns of the warehouse's tables as Arrow has them.

Here: from the name of a type to the type. Not here: which column is of which type (tables.py).
"""

from collections.abc import Mapping

import pyarrow as pa

_TYPES = {
    str(kind): kind
    for kind in (
        pa.string(),
        pa.int32(),
        pa.int64(),
        pa.bool_(),
        pa.timestamp("us", tz="UTC"),
        *(pa.decimal128(digits, scale) for digits, scale in ((4, 1), (5, 2), (10, 2), (18, 2))),
    )
}


def schema_of(columns: Mapping[str, str]) -> pa.Schema:
    """Columns, in their order, with their types.

    Args:
        columns: the name of a type, by the column's name.
    """
    return pa.schema({name: _TYPES[kind] for name, kind in columns.items()}.items())
