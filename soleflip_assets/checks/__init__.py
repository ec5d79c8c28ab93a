"""How a file of sql/ that says ``passed`` becomes an asset check, and what a check shows."""
