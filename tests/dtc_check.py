"""Feeds the device tree that the kernel gets to Debian's `dtc`, which must have no complaint.

Run as `python -m tests.dtc_check` by `.ci/run`; pytest does not collect it, since `dtc` is
not something that `make test` may ask for.
"""

import subprocess
import sys
from typing import Final

from emu import open_session

CPUS: Final = 4
PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
DTC: Final = ("dtc", "-I", "dtb", "-O", "dts", "-o", "-", "-")
NEEDED: Final = ("cpus {", "cpu@1", "memory@", "reserved-memory {", "intel,wakeup-mailbox")
"""What a tree that was read wholly shows in source form."""


def complaints(blob: bytes) -> list[str]:
    """What dtc says about a blob, and what its source form lacks."""
    result = subprocess.run(DTC, input=blob, capture_output=True, timeout=60, check=False)
    said = result.stderr.decode("utf-8", "replace").splitlines()
    if result.returncode:
        return [*said, f"dtc ended with {result.returncode}"]
    source = result.stdout.decode("utf-8", "replace")
    return said + [f"the source form lacks `{word}`" for word in NEEDED if word not in source]


def check(platform: str) -> list[str]:
    """Boot the sample shim and judge the tree that its kernel was given."""
    session = open_session("samples/shim.elf", platform=platform, cpus=CPUS)
    view = session.do("run")
    if view.outcome != "booted":
        return [f"did not boot: {view.outcome}: {view.outcome_reason}"]
    return complaints(session.kernel_dtb())


def main() -> int:
    """Print one line for each platform and a closing count; 1 if dtc complained."""
    failed = 0
    for platform in PLATFORMS:
        found = check(platform)
        failed += bool(found)
        print(f"dtc, {platform}, {CPUS} cpus: {'; '.join(found) or 'no complaint'}", flush=True)
    print(f"{len(PLATFORMS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
