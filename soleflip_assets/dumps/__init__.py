"""A dump of the whole database, and proof that it can be restored."""
