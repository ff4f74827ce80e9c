"""From finding to finding, and to their list."""

from tui.arranging import Arranging
from tui.desk import Desk
from tui.orders import Orders
from tui.panels.base import moment


class FindingKeys:
    """Keys and clicks that go to what is wrong."""

    def __init__(self, desk: Desk, orders: Orders, arranging: Arranging) -> None:
        self._desk = desk
        self._orders = orders
        self._arranging = arranging

    def step(self, step: int) -> None:
        """To the moment and the CPU of the next finding, or of the one before."""
        desk = self._desk
        if desk.session.running:
            desk.say("space pauses: then the findings are gone to", "dim")
            return
        one = desk.trail.step(desk.seen, step)
        if one is None:
            rules = desk.seen.findings.rules
            desk.say(f"none of {rules} rules is broken so far: there is no finding", "dim")
        elif self._orders.order(moment(one.tick, one.cpu)):
            self._desk.frames.point_at("findings", moment(one.tick, one.cpu))
            number = f"finding {desk.trail.at + 1} of {len(desk.trail.rows)}"
            desk.say(f"{number}: {one.rule}: {one.text}", "warn")

    def show(self) -> None:
        """Their list, and in it the first one."""
        self._arranging.show_panel("findings")
        self._desk.frames.current.point_at_first()
