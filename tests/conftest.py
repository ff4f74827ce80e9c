"""What holds for all tests: the day, examples that come again, as many workers as cores."""

import os
import pkgutil
import shutil
import tempfile
from importlib import import_module
from typing import Final

import hypothesis
import pytest

import emu
import tui
from tests import shard

WORKERS_BESIDE: Final = 1
"""More than cores: tests of the screen mostly wait for it, and another one runs meanwhile."""
WORKERS_MAX: Final = 16
"""Each holds up to 600 MB."""

hypothesis.settings.register_profile(
    "apdbg", deadline=None, database=None, print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)  # fmt: skip
hypothesis.settings.load_profile("apdbg")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --update-goldens` writes what it would have compared."""
    parser.addoption(
        "--update-goldens", action="store_true", help="rewrite goldens and what README.md shows"
    )


def pytest_configure(config: pytest.Config) -> None:
    """What is kept on disk goes to a folder of this run, which all its workers share."""
    if not hasattr(config, "workerinput"):
        os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="apdbg-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """And away with it."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


def pytest_report_header() -> str:
    """How to run the same tests on another day."""
    return f"day: {shard.DAY} ({shard.VARIABLE}={shard.DAY} make test repeats it)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """The same once more where it is needed."""
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        terminalreporter.write_line(pytest_report_header())


def pytest_xdist_auto_num_workers() -> int:
    """One for every core that this process may use, and one more."""
    ours = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(ours(0)) if ours is not None else os.cpu_count() or 1
    return min(cores + WORKERS_BESIDE, WORKERS_MAX)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What `make quick` leaves out, and which examples hypothesis tries."""
    tests = [item for item in items if isinstance(item, pytest.Function)]
    _mark_other_platforms(tests)
    if any(hasattr(test.module, "given") for test in tests):
        _import_all()
    if config.getoption("--hypothesis-seed") is None:
        for test in tests:
            if hypothesis.is_hypothesis_test(test.obj):
                hypothesis.seed(shard.DAY)(test.obj)


def _mark_other_platforms(tests: list[pytest.Function]) -> None:
    """The same on another platform than a test's first one is breadth."""
    first: dict[str, object] = {}
    for test in tests:
        platform = test.callspec.params.get("platform") if hasattr(test, "callspec") else None
        name = test.nodeid.partition("[")[0]
        if platform is not None and platform != first.setdefault(name, platform):
            test.add_marker(pytest.mark.breadth)


def _import_all() -> None:
    """Hypothesis tries numbers and words of the modules that are imported: let these be the
    same, whichever tests are chosen and whatever runs before."""
    for package in (emu, tui):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):
                import_module(module.name)
