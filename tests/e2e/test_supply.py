"""What is brought in from outside: locks that are not too old, images that a digest names."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from soleflip_assets.ground.settings import FILES

DAY = 86_400


def run(script: str, folder: Path, path: str = os.environ["PATH"]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, FILES / ".ci" / script, folder],
        capture_output=True, text=True, check=False, env={"PATH": path, "HOME": str(folder)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def git(folder: Path, *arguments: str, days_ago: int = 0) -> None:
    moment = f"{int(time.time()) - days_ago * DAY} +0000"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder),
        "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment,
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
    }  # fmt: skip
    subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, env=environment
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """One with a lock of 91 days ago and a younger one; other files are changed since."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--initial-branch", "main")
    for name, days_ago in (("requirements.lock", 91), ("requirements-dev.lock", 89), ("README", 0)):
        (folder / name).write_text(name)
        git(folder, "add", name)
        git(folder, "commit", "--message", name, days_ago=days_ago)
    return folder


def test_lock_of_more_than_90_days_fails_and_a_new_one_passes(checkout: Path) -> None:
    code, said = run("lock_age.py", checkout)
    assert code == 1
    assert said == (
        "requirements.lock was last compiled 91 days ago: run `make lock`, test, and commit it.\n"
    )

    (checkout / "requirements.lock").write_text("new")
    git(checkout, "commit", "--all", "--message", "lock")
    assert run("lock_age.py", checkout) == (0, "")


def test_clone_that_is_cut_short_does_not_pass(checkout: Path, tmp_path: Path) -> None:
    """There every file seems to be as young as the last commit."""
    git(tmp_path, "clone", "--depth", "1", f"file://{checkout}", "short")
    for folder in (tmp_path / "short", tmp_path):
        code, said = run("lock_age.py", folder)
        assert (code, "cannot be told" in said) == (1, True), said


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    folder = tmp_path / "deploy"
    shutil.copytree(FILES / "deploy", folder)
    return folder


@pytest.mark.parametrize("digit", ["1", "2"])
def test_images_are_pinned_and_renewed(deploy: Path, tmp_path: Path, digit: str) -> None:
    """By what Docker says, here a program of its name; what this project builds itself has no digest."""
    for digest in ("0" * 64, digit * 64):
        docker = tmp_path / "docker"
        docker.write_text(f"#!/bin/sh\necho sha256:{digest}\n")
        docker.chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        assert run("pin_images.py", deploy, path) == (0, "")
        pinned = (deploy / "Containerfile").read_text() + (deploy / "compose.yaml").read_text()
        assert pinned.count("@sha256:") == 2
        assert pinned.count(f"@sha256:{digest}\n") == 2
        assert "image: soleflip\n" in pinned


def test_without_docker_nothing_is_written_and_that_is_said(deploy: Path, tmp_path: Path) -> None:
    before = (deploy / "Containerfile").read_text()
    code, said = run("pin_images.py", deploy, str(tmp_path))
    assert code == 1
    assert said.startswith("The images of Containerfile were not pinned")
    assert (deploy / "Containerfile").read_text() == before
