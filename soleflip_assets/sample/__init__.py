"""A shop to try it on: the schema before Phase 2, with rows that look like SoleFlip's."""
