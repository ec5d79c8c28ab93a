"""The commands that take back: a revert without loss, and a restore after a disaster.

Not here: how (phase2/revert.py, dumps/restore.py).
"""

from pathlib import Path

import click

from soleflip_assets.commands.environment import server_running
from soleflip_assets.commands.signals import ended_by_signals
from soleflip_assets.commands.terminal import (
    UsageRefusal,
    complain,
    conclude,
    configuration_errors,
    counted,
    examples,
    fail,
    tell,
)
from soleflip_assets.commands.waiting import waiting_told
from soleflip_assets.commands.work import as_owner, run, with_environment
from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.dumps.restore import restore as bring_back
from soleflip_assets.dumps.scratch import maintenance_url
from soleflip_assets.ground.settings import Settings


@click.command(
    epilog=examples(
        ("soleflip revert", "safe to run again; then deploy, if you like"),
        ("soleflip revert --remake-legacy", "after the legacy tables were dropped"),
    )
)
@click.option(
    "--remake-legacy",
    is_flag=True,
    help="Where the legacy tables were dropped, make them again from what stock holds.",
)
@as_owner
def revert(*, remake_legacy: bool) -> None:
    """Take Phase 2 back, with all that was written since.

    The schema is then as it was before; what was written to the new columns is in the legacy tables. What it
    cannot carry there it refuses, with a list. It needs no dump and loses nothing.

    Writes: drops what `deploy` made, but for the backups, the dump and the ledger. Works as the owner of the
    tables (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when it refuses or a step failed; run again, it resumes.
    """
    config = {"dry_run": False, "remake_legacy": remake_legacy}
    done = run("revert_phase2", {"ops": {"undo_phase2": {"config": config}}})
    if not done.output("undo_phase2"):
        conclude("Phase 2 is not deployed here: there was nothing to take back.", run=done.link)
        return
    conclude(
        "Phase 2 is taken back: the schema is as it was, with all that was written since.",
        run=done.link,
        then="`soleflip deploy` once what was wrong is mended; backups, dump and ledger are still there",
    )


@click.command(
    epilog=examples(
        ("soleflip restore .soleflip/dumps/shop_before_phase2_….dump", "beside the database"),
        ("soleflip restore --replace .soleflip/dumps/shop_before_phase2_….dump", "in its place"),
        ("soleflip restore --drill", "the latest one, to see whether it can be"),
    )
)
@click.argument("dump", type=click.Path(path_type=Path), required=False)
@click.option("--replace", is_flag=True, help="Swap the names when it is proven.")
@click.option(
    "--drill", is_flag=True, help="Prove the latest dump in a scratch database, and drop that."
)
def restore(dump: Path | None, *, replace: bool, drill: bool) -> None:
    """Restore DUMP beside the database, and prove it.

    DUMP is a file that `soleflip deploy` took, with its manifest beside it; its name is enough where it is
    in SOLEFLIP_HOME/dumps. One that was cut short or
    altered is refused before anything is touched. What was restored is compared with the manifest: rows,
    content, every object with its owner and privileges, and what the database itself was: owner, encoding,
    locale, tablespace, privileges, limits, settings, comment. Subscriptions come back disabled and without
    a slot. What was written since the dump is not in it: to take Phase 2 back, use `soleflip revert`.

    Writes: a new database on the same server. With --replace it then gets the old one's name, and the old
    one stays under a new name; nobody may be connected. With --drill, a scratch database for as long as it
    takes, and the ledger. The user must be allowed to create databases and be a member of the roles that
    own the database and its tables; what lacks is named before anything is touched. What a restore that
    died has left behind is dropped by the next one.

    Exits with 1 when the dump is not whole, a right lacks, or what was restored is not what was dumped.
    """
    if drill == (dump is not None) or (drill and replace):
        raise UsageRefusal("restore needs a DUMP, or --drill alone: name one of the two.")
    if dump is not None:
        _bring_back(_found(dump), replace=replace)
        return

    _drill()


def _found(dump: Path) -> Path:
    """The file, also by its name in SOLEFLIP_HOME/dumps; what cannot be a dump is refused."""
    with configuration_errors():
        kept = Settings.from_environment().dumps / dump.name
    if not dump.exists() and dump.name == str(dump) and kept.is_file():
        return kept
    if dump.is_dir():
        newest = max(dump.glob("*.dump"), key=lambda file: file.stat().st_mtime, default=None)
        found = f"such as {newest}" if newest else "of which there is none in it"
        raise UsageRefusal(f"{dump} is a folder: name a file that `soleflip deploy` took, {found}.")
    if not dump.is_file():
        raise UsageRefusal(f"there is no file {dump}: name a dump that `soleflip deploy` took.")
    return dump


@with_environment
def _drill() -> None:
    done = run("restore_drill")
    conclude(
        "The latest dump was brought back into a scratch database, proven, and dropped again.",
        run=done.link,
        then="`soleflip drop-legacy` says what else is missing before the old tables may go",
    )


def _bring_back(dump: Path, *, replace: bool) -> None:
    with (
        configuration_errors(),
        ended_by_signals(complain),
        server_running(Settings.from_environment()) as url,
    ):
        try:
            # Looked at from where a restore works: a session on the database itself would be in its way.
            with waiting_told(maintenance_url(url, rename=replace), tell, lambda: "restore"):
                restored = bring_back(url, dump, tell, replace=replace)
        except DeploymentError as error:
            fail(str(error))
    kept = f"; the old one is {restored.replaced} now" if restored.replaced else ""
    conclude(
        f"Restored and proven: {counted(restored.manifest.contents.rows, 'row')} in the database "
        f"{restored.database}{kept}.",
        then="`soleflip deploy`: it is as it was when the dump was taken"
        if replace
        else "read what you need from it, then drop it; --replace puts a dump in the database's place",
    )
