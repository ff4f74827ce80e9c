"""Where a prompt's candidates come from: asked of the session once for each line typed."""

from emu.inject.menu_view import InjectionMenu
from emu.picture.known import Named
from tui.door import Door


class Sources:
    """What can be named on a machine while one command is typed; nothing moves meanwhile."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: dict[str, tuple[Named, ...]] = {}
        self._menu: InjectionMenu | None = None

    @property
    def words(self) -> str:
        """Whose words people type."""
        return self._door.looks.words

    @property
    def menu(self) -> InjectionMenu:
        """What can be broken, and when."""
        if self._menu is None:
            self._menu = self._door.menu()
        return self._menu

    def ask(self, kind: str) -> tuple[Named, ...]:
        """What can be named, by kind (`emu.debug.known`)."""
        if kind not in self._known:
            self._known[kind] = self._door.known(kind)
        return self._known[kind]
