"""The page tables that the shim builds for each AP: what it needs, and nothing else."""

from typing import Final

import pytest

from emu import Session, open_session
from tests.shim import guest
from tests.shim.guest import PAGE, Leaf

PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
APS: Final = (1, 2, 3)


@pytest.fixture(scope="module", params=PLATFORMS)
def session(request: pytest.FixtureRequest) -> Session:
    """Four CPUs at the moment when the tables are built and no AP has run."""
    found = open_session(platform=request.param, cpus=4)
    found.do("until start_aps")
    return found


def tables(session: Session, cpu: int) -> list[Leaf]:
    """All mappings of one AP."""
    return guest.leaves(session, guest.number(guest.record(session, cpu), "cr3"))


def covering(session: Session, cpu: int, address: int) -> list[Leaf]:
    """The mappings of an AP through which it reaches an address."""
    return [leaf for leaf in tables(session, cpu) if leaf.gva <= address < leaf.gva + leaf.size]


def mailbox(session: Session) -> int:
    """Through which address an AP writes the mailbox."""
    return guest.number(guest.record(session, 1), "mailbox")


def own_pages(session: Session, cpu: int) -> set[int]:
    """What an AP may write, the mailbox aside."""
    found = {leaf.gva for leaf in tables(session, cpu) if leaf.writable}
    return found - {mailbox(session)}


@pytest.mark.parametrize("cpu", APS)
def test_nothing_is_writable_and_executable(session: Session, cpu: int) -> None:
    assert not [leaf for leaf in tables(session, cpu) if leaf.writable and leaf.executable]


def test_every_address_is_its_own_but_the_mailbox_alias(session: Session) -> None:
    moved = {(leaf.gva, leaf.gpa) for leaf in tables(session, 1) if leaf.gva != leaf.gpa}
    alias = {(guest.RESET_ALIAS, guest.RESET_PAGE)}
    assert moved == (alias if session.machine.board.platform.name == "tdx" else set())


def test_no_page_but_the_mailbox_is_mapped_writable_for_two_aps(session: Session) -> None:
    first, second, third = (own_pages(session, cpu) for cpu in APS)
    assert not first & second and not second & third and not first & third


@pytest.mark.parametrize("cpu", APS)
def test_the_stack_ends_in_the_record_and_begins_behind_a_hole(
    session: Session, cpu: int
) -> None:
    pages = sorted(own_pages(session, cpu))
    top = guest.number(guest.record(session, cpu), "stack_top")
    assert top == guest.record_gpa(session, cpu) and top % 16 == 0
    assert pages == list(range(pages[0], top, PAGE))
    mapped = {leaf.gva for leaf in tables(session, cpu)}
    assert pages[0] - PAGE not in mapped


@pytest.mark.parametrize("cpu", APS)
def test_no_ap_can_reach_its_own_tables(session: Session, cpu: int) -> None:
    assert not covering(session, cpu, guest.number(guest.record(session, cpu), "cr3"))


def test_the_kernel_and_the_mailbox_loop_can_be_executed(session: Session) -> None:
    for name in ("secondary_start", "mailbox_wait", "mailbox_jump"):
        (leaf,) = covering(session, 2, guest.symbol(session, name))
        assert leaf.executable and not leaf.writable, name


@pytest.mark.parametrize("name", ["shim", "common_l2", "boot_params", "ap_records"])
def test_the_shims_own_data_stays_out_of_reach(session: Session, name: str) -> None:
    assert not covering(session, 1, guest.symbol(session, name))


def test_each_record_says_which_cpu_it_is_for(session: Session) -> None:
    for cpu in APS:
        fields = guest.record(session, cpu)
        assert (fields["apic_id"], fields["vp_index"]) == (cpu, cpu)
        assert (fields["state"], fields["attempts"]) == ("AP_NOT_STARTED", 0)
