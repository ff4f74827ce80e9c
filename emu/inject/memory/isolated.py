"""Which platforms have pages that must be accepted."""

from emu.boot.platform import Platform


def lacks_acceptance(platform: Platform) -> str:
    """Why a platform's pages need not be accepted; empty if they must be."""
    isolated = platform.isolation != "none"
    return "" if isolated else f"platform {platform.name} has no isolation: no page is accepted"
