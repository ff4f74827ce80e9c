"""Which instructions can follow which: a small graph of code, decoded from some heads on."""

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from emu.boot.disasm import Instruction


class Flow(Struct):
    """Instructions by address, and for each address those that may come right before it."""

    codes: dict[int, Instruction] = field(default_factory=dict)
    before: dict[int, set[int]] = field(default_factory=dict)

    def leading_to(self, address: int) -> set[int]:
        """Every instruction from which an address can be reached by one step or more."""
        found: set[int] = set()
        waiting = [address]
        while waiting:
            for earlier in self.before.get(waiting.pop(), ()):
                if earlier not in found:
                    found.add(earlier)
                    waiting.append(earlier)
        return found

    def after(self) -> dict[int, list[int]]:
        """For each instruction those that may come right behind it, as far as they are known,
        the lowest first."""
        found: dict[int, list[int]] = {}
        for later in sorted(self.before.keys() & self.codes.keys()):
            for one in self.before[later]:
                found.setdefault(one, []).append(later)
        return found

    def reached_from(self, address: int) -> set[int]:
        """Every instruction to which an address leads by one step or more."""
        after = self.after()
        found: set[int] = set()
        waiting = [address]
        while waiting:
            for later in after.get(waiting.pop(), ()):
                if later not in found:
                    found.add(later)
                    waiting.append(later)
        return found

    def way(self, first: int, last: int) -> list[int]:
        """The shortest way from one instruction to another, both included; empty if there is
        none. Of two that are as short, the one through the lower addresses."""
        after = {last: last}
        waiting = [last]
        for at in waiting:
            if at == first:
                break
            for earlier in sorted(self.before.get(at, ())):
                if earlier not in after:
                    after[earlier] = at
                    waiting.append(earlier)
        if first not in after:
            return []
        found = [first]
        while found[-1] != last:
            found.append(after[found[-1]])
        return found


def flow(
    decode: Callable[[int], Instruction | None],
    heads: Iterable[int],
    most: int,
    stop: int | None = None,
) -> Flow:
    """Decode from the heads on, nearest first, at most so many instructions, and not beyond
    `stop`. Calls are taken to come back; where indirect jumps lead is not known."""
    found = Flow()
    waiting = list(heads)
    for at in waiting:
        if len(found.codes) >= most:
            break
        if at in found.codes or at == stop:
            continue
        code = decode(at)
        if code is None:
            continue
        found.codes[at] = code
        for after in _successors(code):
            found.before.setdefault(after, set()).add(at)
            waiting.append(after)
    return found


def _successors(code: Instruction) -> list[int]:
    after = code.address + code.size
    if code.kind == "ret":
        return []
    found = [] if code.target is None or code.kind == "call" else [code.target]
    return found if code.kind == "jump" else [*found, after]
