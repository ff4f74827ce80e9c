"""What lets a loop go is read from its code: the bytes it compares, and not the way to them."""

from typing import Final

import pytest

from tests.guest import boot

LOOPS: Final = {
    "cmp dword ptr [{SHARED}], 5\n jne look": "[0x420000] == 5 (now 0x0)",
    "cmp dword ptr [{SHARED}], 0\n je look": "[0x420000] != 0 (now 0x0)",
    "mov eax, [{SHARED}]\n test eax, eax\n jz look": "[0x420000] != 0 (now 0x0)",
    "movzx eax, word ptr [{SHARED}]\n cmp eax, 0x30\n jb look": "[0x420000] >= 0x30 (now 0x0)",
    "mov rax, [{DATA}]\n movzx eax, word ptr [rax]\n test ax, ax\n jz look": (
        "[0x420010] != 0 (now 0x0)"
    ),
    "mov rax, [{DATA}]\n cmp dword ptr [rax + 4], 9\n jne look": "[0x420014] == 9 (now 0x0)",
    "mov rax, [{DATA}]\n cmp rax, rdx\n jne look": "[0x430000] == 0x77 (now 0x420010)",
    "mov eax, [{SHARED}]\n or eax, [{SHARED} + 8]\n jz look": "[0x420000], [0x420008] (now ",
}
"""A loop and what it waits for. In DATA lies the address SHARED + 0x10; RDX is 0x77."""
BEGIN: Final = """
start: mov edx, 0x77
    mov dword ptr [{DATA}], {SHARED} + 0x10
look: pause
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_waits_for_what_it_compares(loop: str) -> None:
    session = boot(f"{BEGIN}{loop}\n hlt")
    session.do("run")
    (row,) = session.do("waits").reply
    assert row.startswith(f"cpu 0 waits for {LOOPS[loop]}"), row
