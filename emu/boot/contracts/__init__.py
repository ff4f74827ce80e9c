"""The families of images that can be booted, each by its contract with the loader."""

from typing import Final

from emu.boot.contracts import flat, openhcl
from emu.boot.contracts.contract import Contract
from emu.boot.image import Image

CONTRACTS: Final[tuple[Contract, ...]] = (flat.CONTRACT, openhcl.CONTRACT)
"""Asked in this order; the last one takes every image."""


def contract_of(image: Image) -> Contract:
    """The contract by which an image is booted."""
    return next(one for one in CONTRACTS if one.recognise(image))
