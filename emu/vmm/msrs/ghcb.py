"""The MSRs of an SEV guest: what it is, and where it speaks with its host.

Source: AMD APM volume 2, 15.34.10 (SEV_STATUS) and 15.35 (GHCB).
"""

from typing import Final

from emu.vmm.effects import Effects, SetMsr
from emu.vmm.msrs.entry import Msr
from emu.vmm.state import Caller

GHCB: Final = 0xC001_0130
STATUS: Final = 0xC001_0131
_SEV_ES_SNP: Final = 0b111


def _status(caller: Caller, msr: int) -> int | None:
    return _SEV_ES_SNP if caller.platform.isolation == "snp" else None


def _read(caller: Caller, msr: int) -> int | None:
    if caller.platform.isolation != "snp":
        return None
    return caller.vmm.msrs.get((caller.cpu, msr), 0)


def _write(caller: Caller, msr: int, value: int) -> Effects | None:
    return (SetMsr(caller.cpu, msr, value),) if caller.platform.isolation == "snp" else None


MSRS: Final = (
    Msr(GHCB, "GHCB", _read, _write),
    Msr(STATUS, "SEV_STATUS", _status, None),
)
