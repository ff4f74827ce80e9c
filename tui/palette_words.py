"""Other words that people type for what there is: they came from other programs, or know what
they want and not what it is called here."""

from typing import Final

ALSO: Final[dict[str, tuple[str, ...]]] = {
    # keys, by action
    "step": ("single step", "step in", "stepi"),
    "next": ("step over", "nexti"),
    "run": ("continue", "go on", "resume", "boot", "start"),
    "finish": ("step out", "return"),
    "pause": ("stop", "halt", "break in"),
    "reverse.step": ("undo", "step back", "back in time", "rewind"),
    "reverse.run": ("go back", "rewind"),
    "goto": ("time travel", "seek", "jump to tick"),
    "reset": ("restart", "reboot", "power cycle", "begin again"),
    "break.here": ("toggle breakpoint",),
    "findings": ("errors", "problems", "bugs", "what is wrong", "diagnostics"),
    "finding.next": ("next error", "next problem"),
    "jump": ("go to panel", "switch panel", "focus"),
    "zoom": ("maximise", "maximize", "fullscreen", "full screen"),
    "picture": ("screenshot", "svg", "screen shot"),
    "copy": ("clipboard", "yank"),
    "theme": ("colors", "colour scheme", "dark mode", "light mode", "appearance", "contrast"),
    "help": ("keys", "shortcuts", "key bindings", "manual", "explain"),
    "prompt": ("command line", "console"),
    "quit": ("exit", "leave", "close"),
    "filter": ("search", "find in panel"),
    "back": ("previous panel", "go back"),
    "panel.reset": ("default layout", "restore layout"),
    "hold": ("freeze cpu", "stop cpu"),
    "stack": ("call stack", "stack trace"),
    # commands, by word; a word of the screen, too
    "bt": ("backtrace", "call stack", "stack trace", "callers"),
    "mem": ("memory", "hexdump", "dump memory", "bytes"),
    "list": ("disassemble", "disassembly", "source", "asm"),
    "registers": ("regs", "cpu state"),
    "print": ("evaluate", "expression", "value"),
    "set": ("poke", "write memory", "change register", "edit"),
    "breakpoints": ("list breakpoints",),
    "waits": ("deadlock", "hang", "stuck", "blocked"),
    "why": ("hang", "stuck", "lost", "not starting"),
    "walk": ("page walk", "translate address", "virtual to physical"),
    "tables": ("page tables", "mappings", "pagetable"),
    "npt": ("ept", "nested pages", "second level"),
    "dtb": ("device tree", "fdt"),
    "inject": ("fault injection", "break something", "chaos"),
    "export": ("trace", "perfetto", "html", "share"),
    "report": ("bug report", "markdown"),
    "save": ("recording", "save session"),
    "watch": ("watchpoint", "data breakpoint"),
    "catch": ("stop at exit", "stop at exception"),
    "last-writer": ("who wrote", "who changed"),
    "first-reader": ("who read", "who loaded"),
    "branches": ("alternate timelines", "history"),
    "diff": ("compare", "what changed"),
    "unwell": ("next bad cpu", "lost cpu", "stuck cpu"),
    "notices": ("messages", "toasts", "log of messages"),
    "schedules": ("races", "interleavings"),
    "tour": ("tutorial", "lessons", "learn", "getting started", "introduction"),
    # panels, by name
    "timeline": ("time", "history", "gantt"),
    "serial": ("console output", "com1", "uart"),
    "nested": ("ept",),
}
"""By action, command or panel: what else they are found by."""


def also(name: str) -> str:
    """Of one, as the palette takes them."""
    return "  ".join(ALSO.get(name, ()))
