"""``python -m benchmarks`` is ``soleflip bench``."""

from benchmarks.run import main
from soleflip_assets.commands.usage import usage_in_sentences

with usage_in_sentences(path="soleflip bench"):
    main(prog_name="soleflip bench", standalone_mode=False)
