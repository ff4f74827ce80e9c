"""The frames on the screen: where each stands, what it shows, and which one has the keys."""

from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from emu.picture.view import MachineView, Section
from tui import layout
from tui.frame import Frame
from tui.panels import BY_ID
from tui.theme import Looks

ANSWER = "answer"
Lacking = Mapping[Section, str]
"""Parts of a view that a mistake of ours kept from being made: what there is to say of it."""


class Frames(Container):
    """Holds one frame per slot of the layout; those that a size has no place for are hidden."""

    def __init__(self, *, blocks: bool = False) -> None:
        """`blocks`: whether the terminal draws them."""
        super().__init__(id="stage")
        self._every = tuple(Frame(slot, blocks=blocks) for slot in layout.SLOTS)
        self._zoomed: layout.Slot | None = None
        self._slot: layout.Slot = "main"
        self._asked_from: layout.Slot = "main"
        """What had the keys before a long answer took them."""
        self.moves: dict[str, str] = {}
        """Panels that somebody moved to another slot, or closed."""

    def compose(self) -> ComposeResult:
        """The frames in the order in which Tab visits them."""
        yield from self._every

    @property
    def placed(self) -> list[Frame]:
        """The frames that the layout uses now."""
        return [frame for frame in self._every if frame.display]

    @property
    def current(self) -> Frame:
        """Where keys go: the frame that has or had the focus."""
        placed = self.placed
        return next((frame for frame in placed if frame.slot == self._slot), placed[0])

    @property
    def wanted(self) -> frozenset[Section]:
        """What the panels that are shown need of a view."""
        needs = {frame.panel.needs for frame in self.placed}
        return frozenset(need for need in needs if need is not None)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the frame for the time after a dialog."""
        if isinstance(event.widget, Frame):
            self._slot = event.widget.slot

    def settle(self, width: int, height: int, cpus: int) -> None:
        """Give every frame its place on a stage of this size."""
        places = layout.arrange(width, height, cpus, self._zoomed, self.moves)
        by_slot = {place.slot: place for place in places}
        for frame in self._every:
            place = by_slot.get(frame.slot)
            frame.display = place is not None
            if place is not None:
                frame.put(place)
        self.screen.set_focus(self.current)

    def zoom(self) -> None:
        """The next layout is for the frame with the keys alone, or for all again."""
        self._zoomed = None if self._zoomed else self.current.slot

    # -- panels -----------------------------------------------------------------------------

    def has(self, panel_id: str) -> bool:
        """Whether the layout has a place for a panel now."""
        return any(panel_id in frame.tabs for frame in self.placed)

    def unzoom_for(self, panel_id: str) -> bool:
        """Whether the layout must change for a panel: another frame than the zoomed one is
        needed, or it was closed; the next layout has it then."""
        if self.has(panel_id):
            return False
        self._zoomed = None
        if self.moves.get(panel_id) == layout.CLOSED:
            del self.moves[panel_id]
        return True

    def turn_to(self, panel_id: str, *, focus: bool = True) -> None:
        """Show a panel where the layout has it, and give it the keys."""
        frame = next((frame for frame in self.placed if panel_id in frame.tabs), None)
        if frame is None:
            return
        if frame.panel.id != panel_id:
            frame.turn_to(frame.tabs.index(panel_id))
        if focus:
            self._focus(frame)

    def _focus(self, frame: Frame) -> None:
        """Give a frame the keys."""
        self._slot = frame.slot
        self.screen.set_focus(frame)

    def close(self) -> str:
        """Take the panel in focus away; the reason if it must stay."""
        panel = self.current.panel
        if len(self.current.tabs) == 1:
            return f"{panel.title} is the only panel of its place: M moves one here"
        self.moves[panel.id] = layout.CLOSED
        return ""

    @property
    def _movable(self) -> list[Frame]:
        """The frames whose panels may be elsewhere: strips are where they are."""
        return [frame for frame in self.placed if frame.chrome != "bare"]

    def move(self) -> str:
        """The panel in focus goes to the next place; the reason if it must stay."""
        frame, slots = self.current, [one.slot for one in self._movable]
        if len(slots) == 1 or len(frame.tabs) == 1:
            return f"{frame.panel.title} is the only panel of its place, or there is no other"
        target = slots[(slots.index(frame.slot) + 1) % len(slots)]
        self.moves[frame.panel.id] = self._slot = target
        return ""

    def swap(self) -> str:
        """The panel in focus and that of the next place change places."""
        placed, here = self._movable, self.current
        if len(placed) == 1 or here not in placed:
            return "there is one place only"
        other = placed[(placed.index(here) + 1) % len(placed)]
        self.moves[here.panel.id], self.moves[other.panel.id] = other.slot, here.slot
        self._slot = other.slot
        return ""

    # -- drawing ----------------------------------------------------------------------------

    def show(
        self, view: MachineView, lacking: Lacking, *, moved: bool = False, anew: bool = False
    ) -> None:
        """Draw a view in every frame; `lacking`: why parts of it could not be made."""
        for frame in self.placed:
            need = frame.panel.needs
            trouble = "" if need is None else lacking.get(need, "")
            frame.show(view, trouble, moved=moved, anew=anew)

    def answer(self, view: MachineView, panel_id: str | None) -> None:
        """A long answer shows its tab, with the keys, until the command after it, unless a
        panel of its own shows it better."""
        frame = next((frame for frame in self.placed if ANSWER in frame.tabs), None)
        if frame is None:
            return
        if len(view.reply) > 1 and panel_id is None:
            if frame.panel.id != ANSWER:
                self._asked_from = self._slot
                frame.peek(ANSWER)
            self._focus(frame)
        elif frame.unpeek(ANSWER) and frame.slot == self._slot:
            from_ = next((one for one in self.placed if one.slot == self._asked_from), frame)
            self._focus(from_)

    def point_at(self, panel_id: str, go: str) -> None:
        """Put the cursor of a panel that is in sight on what leads somewhere."""
        for frame in self.placed:
            if frame.panel.id == panel_id:
                for spot in [one for one in frame.page.spots if one.go == go][:1]:
                    frame.point_at(spot)

    def letter(self, letters: Mapping[str, str]) -> None:
        """Show by panel the letter that goes to it, or none."""
        for frame in self.placed:
            frame.letters = letters
            frame.refresh()

    def clear_cursors(self) -> None:
        """What a cursor was on may be gone."""
        for frame in self._movable:
            frame.clear_cursor()

    def begin_anew(self) -> None:
        """Another machine is shown: what was scrolled to and pointed at is gone."""
        for frame in self._every:
            frame.begin_anew()

    def paint(self, found: Looks) -> None:
        """Give every frame the theme's colours."""
        for frame in self._every:
            frame.looks = found
            frame.refresh()

    # -- from one session to the next -------------------------------------------------------

    @property
    def shown(self) -> dict[str, str]:
        """By slot: the panel that is shown."""
        return {frame.slot: frame.panel.id for frame in self.placed}

    def restore(self, moves: dict[str, str], shown: dict[str, str]) -> None:
        """Be as another session left it; what no longer exists is left out."""
        slots = {*layout.SLOTS, layout.CLOSED}
        self.moves = {one: to for one, to in moves.items() if one in BY_ID and to in slots}
        for frame in self._every:
            if shown.get(frame.slot) in BY_ID:
                frame.tabs, frame.at = (shown[frame.slot],), 0
