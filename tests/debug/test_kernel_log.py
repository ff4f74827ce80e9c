"""`log` of a Linux kernel: what its ring buffer has, whether or not a console has shown it."""

from tests.guest import SHARED, boot
from tests.vmm.printk_ring import BTF, FINALIZED, RING, Record, memory

RECORDS = [
    Record(FINALIZED, 53_131_000, 1, 6, "smp: Bringing up CPUs", 0x1000, 0x1020),
    Record(FINALIZED, 53_140_000, 1 << 31 | 1, 6, "lost\nand gone", 0x1020, 0x1040),
]


def guest() -> str:
    """A guest with the ring in its data, whose pointers are addresses of its own."""
    data = memory(RECORDS)
    rows = [f".byte {', '.join(str(one) for one in part)}" for part in _parts(data)]
    btf = [f".byte {', '.join(str(one) for one in part)}" for part in _parts(BTF)]
    place = "\n".join(rows)
    return f"""
        start: mov al, 'B'
          lea rbx, [rip + ring]
          mov dx, 0x3f8
          out dx, al
          add qword ptr [rbx + {RING + 16}], rbx
          add qword ptr [rbx + {RING + 80}], rbx
          add qword ptr [rbx + {RING + 88}], rbx
          add rbx, {RING}
          mov qword ptr [rip + prb], rbx
        end: hlt
        .balign 8
        prb: .quad 0
        __start_BTF: {chr(10).join(btf)}
        __stop_BTF: .balign 8
        ring: {place}
    """


def _parts(data: bytes) -> list[bytes]:
    return [data[at : at + 64] for at in range(0, len(data), 64)]


def test_the_ring_is_told_with_time_and_caller() -> None:
    session = boot(guest())
    session.do("run")
    assert session.do("log").reply == (
        "[    0.053131][    T1] smp: Bringing up CPUs",
        "[    0.053140][    C1] lost",
        "and gone",
        "2 of 2 records of the kernel's ring buffer (printk); 2 are on no serial line yet",
    )
    (row, count) = session.do("log bringing").reply
    assert row.endswith("smp: Bringing up CPUs") and count.startswith("1 of 2 records")
    assert session.do("log cpu 1").reply[-1].startswith("1 of 2 records")


def test_before_there_is_a_ring_and_without_a_kernel_the_log_is_the_guest_s_own() -> None:
    early = boot(guest())
    assert early.do("log").reply == ("0 lines of the guest's own log",)
    other = boot(f"start: mov dword ptr [{SHARED}], 7\n hlt")
    other.do("run")
    assert other.do("log").reply == ("0 lines of the guest's own log",)
