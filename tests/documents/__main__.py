"""`python -m tests.documents`: writes anew whatever the documents show of the program.

Those are the parts that are generated, the pictures, and what blocks of README.md and docs/
show of commands, sessions and screens. Look at the difference before it is committed.
"""

import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ("tests/test_documents.py", "tests/documents")
"""In this order: README.zh.md is given the blocks of README.md."""

if __name__ == "__main__":
    where = [str(ROOT / one) for one in TESTS]
    words = ["-q", "-m", "not breadth", "--update-goldens", *sys.argv[1:]]
    sys.exit(pytest.main([*where, *words]))
