"""Every interleaving of the hand-off, for APs that read the mailbox in one of four orders.

The OS wakes all APs, waits until each has come back, sends each a Test, and wakes all again;
its stores go through a store buffer (x86-TSO). Each load of an AP is a step of its own. The
same model for SPIN is `docs/mailbox.pml`.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

COMMAND, ID, VECTOR = range(3)
NOOP, WAKEUP, TEST = range(3)
AT_VECTOR, AT_ACK, AT_TEST, GONE = 10, 11, 12, 99
"""Places of an AP behind its loop, whose places count from 0."""
ORDERS: Final = {
    "command, id": ((COMMAND,), (ID,)),
    "id, command": ((ID,), (COMMAND,)),
    "command, id, command again": ((COMMAND,), (ID,), (COMMAND,)),
    "one 8-byte load": ((COMMAND, ID),),
}
"""Order -> what is read by each load, one after the other; the first that is not for this AP
sends it back to the beginning."""
Step = tuple[str, int, int]


class Ap(NamedTuple):
    """One AP: where it is, what it has read, and how often it has left."""

    place: int = 0
    command: int = 0
    id: int = 0
    vector: int = 0
    woken: int = 0


class State(NamedTuple):
    """One moment."""

    cells: tuple[int, int, int]
    buffer: tuple[tuple[int, int], ...]
    at: int
    """Steps of the OS that are done."""
    aps: tuple[Ap, ...]


def vector_of(wake: int, who: int) -> int:
    """Another one for every wake, so that a stale one shows."""
    return 10 * wake + who


def os_steps(count: int, wakes: int) -> tuple[Step, ...]:
    """All that the OS does; with one wake, nobody is tested and woken again."""
    steps: list[Step] = []

    def send(command: int, who: int, vector: int) -> None:
        for field, value in ((ID, who), (VECTOR, vector), (COMMAND, command)):
            steps.append(("store", field, value))
        steps.append(("answered", 0, 0))

    everybody = range(1, count + 1)
    for who in everybody:
        send(WAKEUP, who, vector_of(1, who))
    steps += [("woken", who, 1) for who in everybody]
    if wakes == 1:
        return tuple(steps)
    for who in everybody:
        send(TEST, who, 0)
    for who in everybody:
        send(WAKEUP, who, vector_of(2, who))
        steps.append(("woken", who, 2))
    return tuple(steps)


class Model(NamedTuple):
    """An order of loads, and how many bits an ack clears."""

    order: tuple[tuple[int, ...], ...]
    ack_bits: int
    steps: tuple[Step, ...]
    wakes: int
    """After so many an AP does not come back."""

    def os(self, now: State) -> Iterator[State]:
        """The OS's next step, and its store buffer's."""
        if now.buffer:
            (field, value), *rest = now.buffer
            yield now._replace(cells=put(now.cells, field, value), buffer=tuple(rest))
        if now.at == len(self.steps):
            return
        word, first, second = self.steps[now.at]
        done = now._replace(at=now.at + 1)
        if word == "store":
            yield done._replace(buffer=(*now.buffer, (first, second)))
            return
        answered = not now.buffer and now.cells[COMMAND] == NOOP
        if answered if word == "answered" else now.aps[first - 1].woken >= second:
            yield done

    def ap(self, now: State, index: int) -> State:
        """One AP's next step."""
        one, cells = now.aps[index], now.cells
        if one.place in (AT_ACK, AT_TEST):
            cells = put(cells, COMMAND, NOOP)
            cells = put(cells, ID, 0) if self.ack_bits == 64 else cells
        if one.place == AT_VECTOR:
            one = one._replace(vector=cells[VECTOR], place=AT_ACK)
        elif one.place == AT_ACK:
            last = one.woken + 1 == self.wakes
            one = one._replace(woken=one.woken + 1, place=GONE if last else 0)
        elif one.place == AT_TEST:
            one = one._replace(place=0)
        else:
            one = self._looked(one, cells, index + 1)
        aps = (*now.aps[:index], one, *now.aps[index + 1 :])
        return now._replace(cells=cells, aps=aps)

    def _looked(self, one: Ap, cells: tuple[int, int, int], me: int) -> Ap:
        for field in self.order[one.place]:
            one = one._replace(**{("command", "id")[field]: cells[field]})
            if (field == COMMAND and not one.command) or (field == ID and one.id != me):
                return one._replace(place=0, command=0, id=0)
        if one.place + 1 < len(self.order):
            return one._replace(place=one.place + 1)
        then = {WAKEUP: AT_VECTOR, TEST: AT_TEST}.get(one.command, 0)
        return one._replace(place=then, command=0, id=0)


def put(cells: tuple[int, int, int], field: int, value: int) -> tuple[int, int, int]:
    """The cells with another value in one."""
    changed = [*cells]
    changed[field] = value
    return changed[0], changed[1], changed[2]


def explore(order: str, ack_bits: int, count: int, wakes: int = 2) -> tuple[str, int]:
    """(`holds` or `refuted`, states seen): whether each AP always leaves with the vector that
    was written for this very wake."""
    model = Model(ORDERS[order], ack_bits, os_steps(count, wakes), wakes)
    first = State((0, 0, 0), (), 0, (Ap(),) * count)
    seen, left = {first}, [first]
    while left:
        now = left.pop()
        moving = (i for i, one in enumerate(now.aps) if one.place != GONE)
        for then in (*model.os(now), *(model.ap(now, index) for index in moving)):
            for who, (one, was) in enumerate(zip(then.aps, now.aps, strict=True), 1):
                if one.woken != was.woken and one.vector != vector_of(one.woken, who):
                    return "refuted", len(seen)
            if then not in seen:
                seen.add(then)
                left.append(then)
    return "holds", len(seen)
