"""The consolidation: dump, backups, columns, backfill, indexes, and the record of all that."""
