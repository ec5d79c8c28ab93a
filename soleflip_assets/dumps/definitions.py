"""What the dumps add to the code location."""

import dagster as dg

from soleflip_assets.dumps.jobs import jobs

defs = dg.Definitions(
    jobs=jobs,
)
