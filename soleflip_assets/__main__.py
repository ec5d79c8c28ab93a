"""``python -m soleflip_assets`` is ``soleflip``."""

from soleflip_assets.cli import main

main()
