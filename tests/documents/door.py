"""What programs are given, as reference: the Python door, the JSON object, recordings."""

import ast
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from emu.debug import opening, recording_lines
from emu.debug import what_if_report as what_if_reports
from emu.debug.resume import Resume
from emu.debug.session import Session
from emu.debug.setup import Options
from emu.debug.what_if import AtEnds
from emu.debug.what_if_waits import ParkedWait
from emu.judge import report
from emu.judge.report import RunReport
from emu.judge.verdict import Evidence
from emu.picture.view import ApProgress, CpuView, MachineView, MailboxView
from emu.profile import comparing, critical_view, profile, skew, times, told, waterfall_view
from tests.documents.markdown import code, plain, table
from tui.command_line import parser_of


def python() -> str:
    """How a session is opened, what it can do, and what a picture has."""
    methods = [
        f"### `session.{name}{_signature(one)}`\n\n{plain(_doc(one))}"
        for name, one in vars(Session).items()
        if inspect.isfunction(one) and not name.startswith("_")
    ]
    values = (
        *_properties(Session),
        *((f"session.{name}", words) for name, words in _attributes(Session) if words),
    )
    return "\n\n".join((
        "### `open_session(image=None, ...)`", plain(_doc(opening.open_session)),
        _parameters(opening.open_session), *methods,
        "### What else a session tells", table(("name", "is"), _coded(values)),
    ))  # fmt: skip


def views() -> str:
    """The values of a picture."""
    return "\n\n".join(_struct(one) for one in (MachineView, CpuView, MailboxView, ApProgress))


def resume() -> str:
    """How CPUs go on, as a value."""
    return _struct(Resume)


def run_report() -> str:
    """The fields of the JSON object, and of all that is in it."""
    parts = [
        one
        for one in vars(report).values()
        if inspect.isclass(one)
        and issubclass(one, msgspec.Struct)
        and one is not msgspec.Struct
    ]
    order = [RunReport, *(one for one in parts if one not in (RunReport, Evidence)), Evidence]
    return "\n\n".join(_struct(one) for one in order)


def profile_report() -> str:
    """The fields of a profile and of all that is in it, and of a comparison."""
    modules = (profile, waterfall_view, told, critical_view, times, skew, comparing)
    parts = [
        one
        for module in modules
        for one in vars(module).values()
        if inspect.isclass(one)
        and issubclass(one, msgspec.Struct)
        and one.__module__ == module.__name__
        and not one.__name__.startswith("_")
        and one is not profile.SectionKind
    ]
    return "\n\n".join(map(_struct, parts))


def what_if_report() -> str:
    """The fields of what other ways to bring CPUs up take."""
    parts = (
        what_if_reports.WhatIf, what_if_reports.WayReport, what_if_reports.UntilAccepted,
        AtEnds, ParkedWait,
    )  # fmt: skip
    return "\n\n".join(map(_struct, parts))


def recording() -> str:
    """The kinds of lines of a recording with the types of their fields."""
    lines = typing.get_args(recording_lines.AnyLine)
    rows = (
        (code(str(one.__struct_config__.tag)), code(field.name), code(_type(field.type)))
        for one in lines
        for field in msgspec.structs.fields(one)
    )
    return table(("kind", "field", "type"), rows)


def _struct(one: type[msgspec.Struct]) -> str:
    """A value's fields: types, and what stands under them in the code."""
    told = dict(_attributes(one))
    rows = (
        (code(field.encode_name), code(_type(field.type)), plain(told.get(field.name, "")))
        for field in msgspec.structs.fields(one)
    )
    own = _doc(one)
    return f"### `{one.__name__}`\n\n{plain(own)}\n\n{table(('field', 'type', 'is'), rows)}"


def _properties(one: type) -> Iterable[tuple[str, str]]:
    for name, value in vars(one).items():
        if isinstance(value, property) and not name.startswith("_"):
            yield f"session.{name}", _doc(value)


def _attributes(one: type) -> Iterable[tuple[str, str]]:
    """Names of a class's attributes, and the sentence under each."""
    places = (Path(inspect.getfile(base)) for base in one.__mro__[:1])
    for place in places:
        tree = ast.parse(place.read_text(encoding="utf-8"))
        owner = next(
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and node.name == one.__name__
        )
        for scope in (owner, *(node for node in owner.body if _is_init(node))):
            yield from _sentences(scope.body)


def _is_init(node: ast.stmt) -> typing.TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _sentences(body: list[ast.stmt]) -> Iterable[tuple[str, str]]:
    for one, below in zip(body, [*body[1:], None], strict=True):
        if not isinstance(one, ast.AnnAssign | ast.Assign):
            continue
        target = one.target if isinstance(one, ast.AnnAssign) else one.targets[0]
        name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
        said = below.value if isinstance(below, ast.Expr) else None
        if name and not name.startswith("_"):
            yield name, str(said.value) if isinstance(said, ast.Constant) else ""


def _doc(one: object) -> str:
    return (
        inspect.cleandoc(vars(one).get("__doc__") or "")
        if inspect.isclass(one)
        else (inspect.getdoc(one) or "")
    )


def _signature(one: Callable[..., object]) -> str:
    """As people write a call: names, and what may be left out."""
    names = [
        f"{name}={value.default!r}" if value.default is not value.empty else name
        for name, value in inspect.signature(one).parameters.items()
        if name != "self"
    ]
    return f"({', '.join(names)})"


def _parameters(one: Callable[..., object]) -> str:
    """What a call takes, by name: as the option of that name has it, else its field."""
    fields = {name: words for name, words in _attributes(Options) if words}
    told = {one.dest: one.help or "" for one in parser_of("run")._actions} | fields
    rows = (
        (code(name), code(repr(value.default)), plain(told.get(name, "")))
        for name, value in inspect.signature(one).parameters.items()
    )
    return table(("takes", "by default", "is"), rows)


def _type(kind: object) -> str:
    """A type as people write it, whichever Python says it."""
    parts = [_type(one) for one in typing.get_args(kind)]
    match typing.get_origin(kind):
        case None:
            name = "None" if kind is types.NoneType else getattr(kind, "__name__", str(kind))
            return "absent" if name == "UnsetType" else "..." if kind is ... else name
        case typing.Annotated:
            return parts[0]
        case typing.Literal:
            return ", ".join(f'"{one}"' for one in typing.get_args(kind))
        case typing.Union | types.UnionType:
            return " or ".join(parts)
        case origin:
            return f"{_type(origin)}[{', '.join(parts)}]"


def _coded(rows: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((code(name), plain(words)) for name, words in rows)
