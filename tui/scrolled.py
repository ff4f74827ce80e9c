"""Where the panels of a frame are scrolled to: by hand, or where they follow what matters."""

from msgspec import Struct, field

from tui.panels import BY_ID
from tui.panels.base import Anchor, Page, Panel


class Kept(Struct, frozen=True):
    """Where one panel was scrolled to."""

    top: int | None = None
    """The first row, if somebody scrolled to it."""
    anchor: Anchor | None = None


class Scrolled(Struct):
    """By panel: the row that somebody scrolled to, and the anchor of the page shown last."""

    tops: dict[str, int] = field(default_factory=dict)
    anchors: dict[str, Anchor | None] = field(default_factory=dict)

    def by(self, panel: Panel, page: Page, rows: int) -> None:
        """Scroll by hand; from then on the panel stays there until it is asked to follow. At
        its end it follows again."""
        last = max(page.total - page.rows, 0)
        top = min(max(page.top + rows, 0), last)
        self.tops[panel.id] = top
        if top == last and rows > 0 and not panel.follows:
            del self.tops[panel.id]
            self.anchors[panel.id] = (top, 0)

    def follow(self, panel: Panel) -> None:
        """Back to what matters now: the end of a log, the selected CPU."""
        self.tops.pop(panel.id, None)

    def moved_on(self) -> None:
        """A command has been carried out: some panels go back to what matters by themselves."""
        for panel_id in [name for name in self.tops if BY_ID[name].follows]:
            del self.tops[panel_id]

    def kept(self, panel: Panel) -> Kept:
        """Where a panel is, for `put`."""
        return Kept(self.tops.get(panel.id), self.anchors.get(panel.id))

    def put(self, panel: Panel, kept: Kept) -> None:
        """Be there again."""
        self.follow(panel)
        if kept.top is not None:
            self.tops[panel.id] = kept.top
        self.anchors[panel.id] = kept.anchor
