"""``python -m benchmarks`` is ``soleflip bench``."""

from benchmarks.run import main

main(prog_name="soleflip bench")
