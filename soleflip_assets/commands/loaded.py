"""What webserver, daemon and code server load, for the process that they are forked from (forking.py).

To import it starts no thread and opens nothing, which a fork would leave in two. What only one of them needs
is here, too: the others pay nothing for pages that they do not touch. Not here: our own definitions, whose
errors the code server has to tell.
"""

import gc
import importlib

SHARED = (
    "dagster_postgres",
    "soleflip_assets.commands.code_server",
    "soleflip_assets.commands.daemon",
    "soleflip_assets.commands.webserver",
)

for name in SHARED:
    importlib.import_module(name)

# A collection writes to every object that it looks at, and a page that was written to is shared no more.
gc.collect()
gc.freeze()
