"""How a change of the schema reaches a live database: step by step, recorded, compared with what is there."""
