"""Which exits are calls, by the words that the log of exits has for them."""

from emu.boot.platform import Platform


def is_call(what: str, name: str) -> bool:
    """Whether an exit is a hypercall or TDCALL whose words contain `name` (lower case; `.`:
    any)."""
    text = what.lower()
    return text.startswith(("hypercall ", "tdcall ")) and (name == "." or name in text)


def lacks_calls(platform: Platform) -> str:
    """Why a platform has no calls; empty if it has."""
    calls = platform.isolation == "tdx" or platform.hyperv
    return "" if calls else f"platform {platform.name} has neither hypercalls nor TDCALLs"
