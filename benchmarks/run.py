"""Run the benchmarks side by side on a server of their own, print the result and keep it as Markdown.

    soleflip bench --rows 100000

Ratios are the result; absolute times are this machine's.
"""

import argparse
from pathlib import Path

import queries
import refresh
from harness import Benchmark, shop_of, surroundings

RESULTS = Path(__file__).parent / "results"
BENCHMARKS: dict[str, Benchmark] = {"refresh": refresh.run, "queries": queries.run}


def main() -> None:
    """Run all benchmarks at one size."""
    parser = argparse.ArgumentParser(
        prog="soleflip bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_172, help="stock rows")
    arguments = parser.parse_args()

    with shop_of(arguments.rows) as shop:
        sections = [f"# Benchmarks, {shop.rows:,} rows", surroundings(shop)]
        for benchmark in BENCHMARKS.values():
            sections.append(benchmark(shop))
            print(sections[-1], end="\n\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{arguments.rows}.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
