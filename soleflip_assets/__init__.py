"""SoleFlip's inventory data platform, a Dagster code location."""
