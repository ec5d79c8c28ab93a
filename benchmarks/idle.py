"""What `soleflip up` costs while nobody does anything: CPU time and memory of its processes.

``python -m benchmarks.idle --minutes 10``; the result is benchmarks/results/idle.md. Here: measuring. Not
here: the server of PostgreSQL, which is the shop's to pay for; its processes are left out.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import psutil

RESULTS = Path(__file__).with_name("results")
_SETTLES_SECONDS = 30
# Of an idle minute: what the daemon does each minute is in it.
_LOOK_SECONDS = 5


def _processes(home: Path) -> list[psutil.Process]:
    """Those of a home, without PostgreSQL's."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("SOLEFLIP_HOME") == str(home)
            if ours and "postgres" not in process.name():
                found.append(process)
        except psutil.Error:
            continue
    return found


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    """With those that they started and that have ended since."""
    total = 0.0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


def _memory(processes: list[psutil.Process]) -> dict[str, float]:
    """In MB, each page shared out among those that share it."""
    found: dict[str, float] = {}
    for process in processes:
        try:
            arguments = [Path(part).name for part in process.cmdline()]
            name = next((part for part in arguments if part in _NAMES), arguments[-1])
            found[_NAMES.get(name, name)] = process.memory_full_info().pss / 1e6
        except psutil.Error:
            continue
    return found


# By this script, at f7f1f84, for three minutes.
_BEFORE = (
    "Before both shared a code server, when the daemon started another interpreter every minute, "
    "it was 8.2 % of a core and 585 MB."
)
_NAMES = {
    "soleflip": "soleflip up",
    "soleflip_assets.commands.warden": "warden",
    "grpc": "code server",
    "dagster-webserver": "webserver",
    "soleflip_assets.commands.daemon": "daemon",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", type=click.FloatRange(min=1), default=10, show_default=True)
@click.option("--write/--no-write", default=True, help="Keep the result.")
def main(minutes: float, *, write: bool) -> None:
    """Start `soleflip up` on the sample, leave it alone, and say what it cost."""
    with tempfile.TemporaryDirectory(prefix="soleflip-idle-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        environment = os.environ | {"SOLEFLIP_HOME": str(home), "PORT": "3999"}
        command = [str(Path(sys.executable).with_name("soleflip")), "up"]
        up = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert up.stdout is not None
            for line in up.stdout:
                if line.startswith("http"):
                    break
            text = _measured(home, minutes)
        finally:
            up.send_signal(signal.SIGTERM)
            up.communicate()
    click.echo(text)
    if write:
        (RESULTS / "idle.md").write_text(text + "\n", encoding="utf-8")


def _measured(home: Path, minutes: float) -> str:
    time.sleep(_SETTLES_SECONDS)
    before, began, peak = _cpu_seconds(_processes(home)), time.monotonic(), 0.0
    while time.monotonic() < began + minutes * 60:
        time.sleep(_LOOK_SECONDS)
        peak = max(peak, sum(_memory(_processes(home)).values()))
    seconds = time.monotonic() - began
    processes = _processes(home)
    busy = _cpu_seconds(processes) - before
    memory = _memory(processes)
    rows = [f"| {name} | {size:,.0f} MB |" for name, size in sorted(memory.items())]
    said = (
        f"Left alone for {seconds / 60:.1f} minutes, its processes took {busy:.1f} s of CPU time, "
        f"{100 * busy / seconds:.1f} % of a core, and at most {peak:,.0f} MB."
    )
    return "\n".join(
        [
            "# An idle `soleflip up`",
            "",
            said,
            "",
            _BEFORE,
            "",
            "| process | memory |",
            "| --- | ---: |",
            *rows,
        ]
    )


if __name__ == "__main__":
    main()
