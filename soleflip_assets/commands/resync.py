"""``soleflip resync``."""
