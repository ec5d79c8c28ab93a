"""Runs of jobs as processes: which process does one, when it must end, what becomes of it when it died."""
