"""Benchmarks of the claims that this project makes; ``soleflip bench`` runs them.

A module for each section of the results (``run`` measures it), with shop.py and harness.py for where and how
something is measured, results.py for what becomes of the figures.
"""
