"""From a failed check, run, schedule or sensor to a person."""
