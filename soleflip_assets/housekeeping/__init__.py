"""Keeping what grows by itself small: Dagster's event log, dumps, reports."""
