"""What a guest reads of its topology, by a reader that knows the manual's tables alone."""

from collections import Counter

import pytest
from msgspec import Struct

from emu.boot.topology import CoreType, Topology
from emu.vmm.cpuid import read_cpuid
from tests.vmm.builder import Guest

TYPES = {0: "none", 1: "thread", 2: "core", 3: "module", 4: "tile", 5: "die", 6: "die group"}
"""SDM 2A, CPUID, leaves 0xB (0 to 2) and 0x1F: ECX[15:8]."""
SHAPES = (
    Topology(), Topology(cores=4), Topology(threads=2), Topology(cores=2, threads=2),
    Topology(packages=2, cores=3, threads=2), Topology(packages=2, clusters=2, cores=2),
    Topology(packages=3, clusters=3, cores=5, threads=2), Topology(packages=4),
)  # fmt: skip


class Read(Struct, frozen=True):
    """What one CPU reads: its x2APIC id, and of each domain (bits below the next, CPUs of the
    next); of each cache (level, ids that share it); leaf 1 and leaf 4 count ids."""

    apic_id: int
    domains: dict[str, tuple[int, int]]
    caches: tuple[tuple[int, int], ...]
    package_ids: int
    core_ids: int


def guest_on(shape: Topology, cpu: int) -> Guest:
    guest = Guest(
        apic_ids=tuple(map(shape.apic_id, range(shape.cpus))), topology=shape
    )  # fmt: skip
    guest.cpu = cpu
    return guest


def reads(guest: Guest, leaf: int) -> Read:
    """SDM 2A, CPUID: sub-leaves of 0xB, 0x1F and 4 go on up to one of type 0;
    EAX[4:0] of the former are the bits, EBX[15:0] the processors, EDX the id."""
    caller, domains, caches, ids = guest.caller(), {}, [], set()
    for subleaf in range(9):
        eax, ebx, ecx, edx = read_cpuid(caller, leaf, subleaf)
        ids.add(edx)
        assert ecx & 0xFF == subleaf
        kind = TYPES[ecx >> 8 & 0xFF]
        if kind == "none":
            assert eax == ebx == 0
            break
        domains[kind] = eax & 31, ebx & 0xFFFF
    cores = set()
    for subleaf in range(9):
        eax = read_cpuid(caller, 4, subleaf)[0]
        if not eax & 31:
            break
        caches.append((eax >> 5 & 7, (eax >> 14 & 0xFFF) + 1))
        cores.add((eax >> 26) + 1)
    (apic_id,), (core_ids,) = ids, cores
    package_ids = read_cpuid(caller, 1, 0)[1] >> 16 & 0xFF
    return Read(apic_id, domains, tuple(caches), package_ids, core_ids)


@pytest.mark.parametrize("shape", SHAPES)
def test_cpus_grouped_by_their_ids_are_the_parts_of_the_machine(shape: Topology) -> None:
    """SDM 3A, 9.9.3.2: an id shifted right by a domain's bits names what lies above it."""
    found = [reads(guest_on(shape, cpu), 0x1F) for cpu in range(shape.cpus)]
    assert len({one.apic_id for one in found}) == shape.cpus
    steps = [("thread", shape.threads), ("core", shape.threads * shape.cores)]
    if shape.clusters > 1:
        steps.append(("module", shape.threads * shape.cores * shape.clusters))
    assert list(found[0].domains) == [name for name, _ in steps]
    for name, count in steps:
        sizes = Counter(one.apic_id >> one.domains[name][0] for one in found)
        assert set(sizes.values()) == {count}
        assert {one.domains[name][1] for one in found} == {count}
    packages = {one.apic_id >> list(one.domains.values())[-1][0] for one in found}
    assert len(packages) == shape.packages


@pytest.mark.parametrize("shape", SHAPES)
def test_leaves_1_4_and_0xb_agree_with_0x1f(shape: Topology) -> None:
    for cpu in range(shape.cpus):
        old, new = (reads(guest_on(shape, cpu), leaf) for leaf in (0xB, 0x1F))
        assert old.domains["thread"] == new.domains["thread"]
        package = list(new.domains.values())[-1]
        assert list(old.domains) == ["thread", "core"] and old.domains["core"] == package
        threads = new.domains["thread"][0]
        assert new.package_ids == min(1 << package[0], 255)
        assert new.core_ids == min(1 << package[0] - threads, 64)
        second = new.domains["core"][0] if shape.clusters > 1 else threads
        shared = {1: 1 << threads, 2: 1 << second, 3: 1 << package[0]}
        assert new.caches == tuple((level, shared[level]) for level in (1, 1, 2, 3))


def test_a_hybrid_says_so_and_each_core_its_type() -> None:
    """SDM 2A, CPUID: leaf 7 EDX[15] hybrid; leaf 0x1A EAX[31:24] 20H Atom, 40H Core."""
    kinds = (CoreType("big"), CoreType("little", "atom", cores=2))
    shape = Topology(cores=6, threads=2, types=kinds)
    found = [read_cpuid(guest_on(shape, cpu).caller(), 0x1A, 0)[0] >> 24 for cpu in range(12)]
    assert found == [0x40, 0x40, 0x20, 0x20, 0x20, 0x20] * 2
    assert read_cpuid(guest_on(shape, 0).caller(), 7, 0)[3] == 1 << 15


@pytest.mark.parametrize("types", [(), (CoreType("one"),)])
def test_where_all_cores_are_alike_nothing_is_said(types: tuple[CoreType, ...]) -> None:
    caller = guest_on(Topology(cores=2, types=types), 0).caller()
    assert read_cpuid(caller, 0x1A, 0) == (0, 0, 0, 0)
    assert read_cpuid(caller, 7, 0)[3] == 0
