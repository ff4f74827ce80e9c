"""Another commit of this project, for a while in a folder of its own."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.process import ROOT


class NoTreeError(Exception):
    """There is no such commit here, or no git: one sentence."""


def git(*words: str) -> str:
    """What git answers about this project; raises NoTreeError with its last line."""
    try:
        result = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        raise NoTreeError("git is not installed, so there is no other commit") from None
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["git failed"]
        raise NoTreeError(lines[-1].removeprefix("fatal: "))
    return result.stdout.strip()


def commit_of(revision: str) -> str:
    """The commit that a revision names; raises NoTreeError where there is none."""
    try:
        return git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except NoTreeError as error:
        if str(error) != "git failed":
            raise
        raise NoTreeError(f"there is no commit {revision!r} here") from None


@contextmanager
def tree_of(revision: str, measured_by: bool = False) -> Iterator[Path]:
    """The files of a commit; its own benchmarks are replaced by these where they are to
    measure it. Raises NoTreeError; whatever happens the folder is gone afterwards."""
    commit = commit_of(revision)
    with tempfile.TemporaryDirectory(prefix="apdbg-") as folder:
        tree = Path(folder, "tree")
        git("worktree", "add", "--detach", "--force", str(tree), commit)
        try:
            if measured_by:
                shutil.rmtree(tree / "benchmarks", ignore_errors=True)
                shutil.copytree(
                    ROOT / "benchmarks", tree / "benchmarks",
                    ignore=shutil.ignore_patterns("__pycache__"),
                )  # fmt: skip
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))
