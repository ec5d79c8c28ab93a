"""``python -m soleflip_assets`` is ``soleflip``."""

from soleflip_assets.commands.cli import main

main()
