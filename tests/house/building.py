"""Builds one image of `shim/build.py` of the tree that one stands in."""

import importlib.util
import tempfile
from pathlib import Path
from typing import Any


def build(name: str, out: Path) -> None:
    """`gallery/SLUG` or `dialects/SLUG`, into a folder."""
    spec = importlib.util.spec_from_file_location("shim_build", Path.cwd() / "shim/build.py")
    assert spec is not None and spec.loader is not None
    builder: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    kind, _, slug = name.partition("/")
    bug = kind == "gallery"
    variant = builder.bug(slug) if bug else builder.dialect(slug)
    with tempfile.TemporaryDirectory() as scratch:
        kinds = builder.GALLERY[slug] if bug else builder.BOTH
        builder.Builder(out, Path(scratch)).variant(name, variant, kinds)
