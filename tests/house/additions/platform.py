"""A platform: CPUs, memory, isolation and the price of time, in a TOML file."""

from emu import open_session

NEW = {
    "samples/platforms/lab.toml": """\
# A slow machine with odd APIC ids.
name = "lab"
isolation = "vbs"
start = "hypercall"
hyperv = true
tsc_hz = 1_000_000_000
accept_level = "4K"

[cpus]
count = 3
apic_ids = [0, 8, 40]
speeds = [1.0, 0.5]

[memory]
base = 0x800_0000

[time]
instructions_per_ns = 0.5
exit_ns = 4_000
""",
}
LINES: dict[str, tuple[tuple[str, str], ...]] = {}


def uses() -> None:
    session = open_session(platform="lab")
    assert session.do("run").outcome == "booted"
    view = session.picture()
    assert (view.platform, [cpu.apic_id for cpu in view.cpus]) == ("lab", [0, 8, 40])
