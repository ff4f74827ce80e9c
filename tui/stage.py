"""The stage: every frame, where it stands, and which one has the keys."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from emu.debug.view import MachineView
from tui import layout
from tui.frame import Frame
from tui.theme import Looks

ANSWER = "answer"


class Stage(Container):
    """Holds one frame per slot of the layout; those that a size has no place for are hidden."""

    def __init__(self) -> None:
        super().__init__(id="stage")
        self._every = tuple(Frame(slot) for slot in layout.SLOTS)
        self._zoomed: layout.Slot | None = None
        self._slot: layout.Slot = "main"

    def compose(self) -> ComposeResult:
        """The frames in the order in which Tab visits them."""
        yield from self._every

    @property
    def frames(self) -> list[Frame]:
        """The frames that the layout uses now."""
        return [frame for frame in self._every if frame.display]

    @property
    def frame(self) -> Frame:
        """Where keys go: the frame that has or had the focus."""
        frames = self.frames
        return next((frame for frame in frames if frame.slot == self._slot), frames[0])

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the frame for the time after a dialog."""
        if isinstance(event.widget, Frame):
            self._slot = event.widget.slot

    def settle(self, width: int, height: int, cpus: int) -> None:
        """Give every frame its place on a stage of this size."""
        places = layout.arrange(width, height, cpus, self._zoomed)
        by_slot = {place.slot: place for place in places}
        for frame in self._every:
            place = by_slot.get(frame.slot)
            frame.display = place is not None
            if place is not None:
                frame.put(place)
        self.screen.set_focus(self.frame)

    def zoom(self) -> None:
        """The next layout is for the frame with the keys alone, or for all again."""
        self._zoomed = None if self._zoomed else self.frame.slot

    def unzoom_for(self, panel_id: str) -> bool:
        """Whether another frame than the zoomed one is needed; the next layout has it then."""
        if any(panel_id in frame.tabs for frame in self.frames):
            return False
        self._zoomed = None
        return True

    def turn_to(self, panel_id: str) -> None:
        """Show a panel where the layout has it, and give it the keys."""
        frame = next((frame for frame in self.frames if panel_id in frame.tabs), None)
        if frame is not None:
            frame.turn_to(frame.tabs.index(panel_id))
            self.screen.set_focus(frame)

    def show(self, view: MachineView, *, moved: bool) -> None:
        """Draw a view in every frame."""
        for frame in self.frames:
            frame.show(view, moved=moved)

    def answer(self, view: MachineView) -> None:
        """A long answer shows its tab until the command after it."""
        for frame in self.frames:
            if ANSWER in frame.tabs and len(view.reply) > 1:
                frame.peek(ANSWER)
            elif ANSWER in frame.tabs:
                frame.unpeek(ANSWER)

    def paint(self, found: Looks) -> None:
        """Give every frame the theme's colours."""
        for frame in self._every:
            frame.looks = found
            frame.refresh()
