"""What one CPU sends another is told twice: where it is sent, and where it comes to."""

from tests.guest import X2APIC, Guest, finish

SENDS = f"""
cpu0:
    mov ecx, 0x1b
    rdmsr
    or eax, 0xc00
    wrmsr
    mov ecx, 0x830
    mov edx, 1
    mov eax, 0x4400         # an NMI
    wrmsr
    mov eax, 0x4041         # a vector
    wrmsr
    mov eax, 0x4608         # a SIPI: cpu 1 runs
    wrmsr
    mov eax, 0x4500
    wrmsr
    mov eax, 0x4608
    wrmsr
    hlt
cpu1: {X2APIC}
loop:
    inc rax
    jmp loop
handler2:
    iretq
"""


def test_what_is_sent_and_what_arrives_or_is_dropped_are_two_rows() -> None:
    """firecracker #5744, #5897: who sent what to whom, and what became of it there."""
    driver = Guest(SENDS, 2, "sipi").driver()
    board = finish(driver)
    rows = [(one.cpu, one.text) for one in board.logs.events if one.kind == "state"]
    told = [row for row in rows if "from cpu" in row[1] or "sends" in row[1]]
    assert told == [
        (0, "sends NMI to cpu 1 by X2APIC_ICR"),
        (1, "NMI from cpu 0 arrives"),
        (0, "sends interrupt 0x41 to cpu 1 by X2APIC_ICR"),
        (1, "interrupt 0x41 from cpu 0 arrives, and waits: interrupts are off"),
        (0, "sends SIPI 0x8 to cpu 1 by X2APIC_ICR"),
        (1, "SIPI 0x8 from cpu 0 is dropped: cpu 1 is not waiting for one"),
        (0, "sends INIT to cpu 1 by X2APIC_ICR"),
        (1, "INIT from cpu 0 arrives: it waits for a SIPI"),
        (0, "sends SIPI 0x8 to cpu 1 by X2APIC_ICR"),
        (1, "SIPI 0x8 from cpu 0 arrives: it starts at 0x8000"),
    ]
    times = [one.virtual_ns for one in board.logs.events if one.text in dict.fromkeys(
        text for _, text in told)]  # fmt: skip
    assert times == sorted(times), "an arrival is on its sender's clock"


def test_a_sipi_without_an_init_is_dropped_by_the_cpu_and_said_there() -> None:
    source = SENDS.replace("mov eax, 0x4500\n    wrmsr", "")
    board = finish(Guest(source, 2, "sipi").driver())
    dropped = [one.text for one in board.logs.events if "is dropped" in one.text]
    assert dropped == ["SIPI 0x8 from cpu 0 is dropped: cpu 1 is not waiting for one"] * 2
