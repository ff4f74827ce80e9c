"""Code that looks at a status, and code that does not."""

import pytest

from emu.boot import disasm
from emu.machine.status_use import is_ignored
from tests.guest import CODE, assembled

LOOKED_AT = {
    "a branch": "test rax, rax\n jnz 1f\n xor eax, eax\n1: hlt",
    "a compare with memory": "cmp rax, [rbx]\n je 1f\n1: xor eax, eax\n hlt",
    "a part of it": "movzx ecx, ax\n xor eax, eax\n cmp ecx, 6\n ja 1f\n1: hlt",
    "both words at once": "or rax, r10\n jnz 1f\n1: xor eax, eax\n hlt",
    "a flag that it sets": "test eax, eax\n sete cl\n mov eax, 1\n test cl, cl\n jz 1f\n1: hlt",
    "a store": "mov [rbx], rax\n xor eax, eax\n hlt",
    "an address": "mov rcx, [rbx + rax * 8]\n xor eax, eax\n hlt",
    "one way of two": "test rbx, rbx\n jz 1f\n test rax, rax\n jz 1f\n1: xor eax, eax\n hlt",
    "behind the return": "add rsp, 8\n ret",
    "in a called function": "call 1f\n xor eax, eax\n hlt\n1: test rax, rax\n jz 2f\n2: ret",
    "an argument": "mov rdi, rax\n call [rbx]\n xor eax, eax\n hlt",
    "a jump through a table": "jmp [rbx]",
    "more than can be followed": "nop\n" * 200 + "xor eax, eax\n hlt",
}  # fmt: skip
IGNORED = {
    "it is overwritten": "mov eax, [rbx]\n hlt",
    "it is cleared": "xor eax, eax\n test rax, rax\n jz 1f\n1: hlt",
    "a copy that nobody looks at": "mov rcx, rax\n xor eax, eax\n mov ecx, 5\n hlt",
    "another register is looked at": "test rbx, rbx\n jz 1f\n1: xor eax, eax\n hlt",
    "no argument of a function": "call 1f\n xor eax, eax\n hlt\n1: test rbx, rbx\n ret",
    "a function's own result": "call [rbx]\n test rax, rax\n jz 1f\n1: hlt",
    "a loop for ever": "1: pause\n jmp 1b",
    "the end": "cli\n hlt",
}  # fmt: skip
RETURNS = {
    "ret\ncaller: test eax, eax\n jz 1f\n1: hlt": False,
    "push rbx\n mov ecx, 1\n pop rbx\n ret\ncaller: mov eax, 1\n hlt": True,
    "sub rsp, 40\n add rsp, 0x28\n ret\ncaller: mov eax, 1\n hlt": True,
    "mov rsp, rbp\n ret\ncaller: mov eax, 1\n hlt": False,
}
"""Code behind the call, which returns to `caller` -> whether the status is ignored."""


def ignored(source: str, register: str = "rax") -> bool:
    """Whether the code looks at the register from its first instruction on."""
    (program,) = assembled(source)
    caller = program.labels.get("caller")

    def decode(at: int) -> disasm.Instruction | None:
        return disasm.decode(program.code[at - CODE :], at, "long") if at >= CODE else None

    return is_ignored(decode, lambda above: caller if above == 0 else None, CODE, register)


@pytest.mark.parametrize("source", LOOKED_AT.values(), ids=LOOKED_AT)
def test_a_status_that_is_looked_at_is_not_ignored(source: str) -> None:
    assert not ignored(source)


@pytest.mark.parametrize("source", IGNORED.values(), ids=IGNORED)
def test_a_status_that_nothing_looks_at_is(source: str) -> None:
    assert ignored(source)


@pytest.mark.parametrize("source", RETURNS)
def test_it_is_followed_to_whoever_called(source: str) -> None:
    assert ignored(source) == RETURNS[source]


def test_another_register_holds_it() -> None:
    assert ignored("mov r10, 5\n hlt", "r10")
    assert not ignored("test r10, r10\n jz 1f\n1: hlt", "r10")
