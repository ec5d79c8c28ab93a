"""SoleFlip's inventory data platform, a Dagster code location."""

# The only place: the package, --version, the ledger and the report read it here.
__version__ = "0.2.0"
