"""One page that says whether all is well: the asset operations/health."""
