"""Structs of the guest are read by the layout that the guest was compiled with."""

import random
import struct
from pathlib import Path
from weakref import ref

from msgspec.structs import replace

from emu.boot.dwarf import IMAGES_KEPT
from emu.boot.image import Image, load_image
from emu.boot.structs import structs_of
from tests.boot.guest import compiled

RECORD = struct.pack("<IIiI4s6IQ", 6, 1, -2, 7, b"\1\2\3\4", *range(6), 0x1234)


def test_a_layout_has_the_offsets_of_the_compiler(guest: Image) -> None:
    layout = structs_of(guest).get("ap_record")
    assert layout is not None and (layout.name, layout.size) == ("ap_record", 56)
    assert [(f.name, f.offset, f.size, f.count) for f in layout.fields] == [
        ("state", 0, 4, 1),
        ("colour", 4, 4, 1),
        ("reason", 8, 4, 1),
        ("inner", 12, 4, 0),
        ("bytes", 16, 4, 4),
        ("table", 20, 24, 6),
        ("next", 48, 8, 1),
    ]


def test_values_come_out_by_name(guest: Image) -> None:
    layout = structs_of(guest).get("ap_record")
    assert layout is not None
    data = RECORD[:44] + bytes(4) + RECORD[44:]
    assert layout.decode(data) == {
        "state": "AP_FAILED",
        "colour": "GREEN",
        "reason": -2,
        "inner": "07 00 00 00",
        "bytes": "01 02 03 04",
        "table": data[20:44].hex(" "),
        "next": 0x1234,
    }


def test_a_value_without_a_name_stays_a_number(guest: Image) -> None:
    layout = structs_of(guest).get("ap_record")
    assert layout is not None
    assert layout.decode(struct.pack("<I", 77) + bytes(52))["state"] == 77


def test_too_few_bytes_are_shown_as_they_are(guest: Image) -> None:
    layout = structs_of(guest).get("ap_record")
    assert layout is not None
    found = layout.decode(bytes(6))
    assert (found["state"], found["colour"], found["next"]) == ("AP_NOT_STARTED", "00 00", "")


def test_a_typedef_names_a_struct_without_a_tag(guest: Image) -> None:
    layout = structs_of(guest).get("unnamed")
    assert layout is not None
    assert layout.decode(b"\x34\x12") == {"word": 0x1234}


def test_what_is_no_struct_is_none(guest: Image) -> None:
    structs = structs_of(guest)
    for name in ("gone", "u32", "total", "ap_state", ""):
        assert structs.get(name) is None
    assert structs_of(replace(guest, data=b"")).get("ap_record") is None


def test_damage_never_raises(guest: Image) -> None:
    generator = random.Random(7)
    for _ in range(60):
        data = bytearray(guest.data)
        for _ in range(generator.randrange(1, 30)):
            data[generator.randrange(64, len(data))] = generator.randrange(256)
        layout = structs_of(replace(guest, data=bytes(data))).get("ap_record")
        if layout is not None:
            layout.decode(bytes(56))


def test_the_same_bytes_are_read_once_and_other_bytes_are_another_image(guest: Image) -> None:
    again = replace(guest, path=Path("elsewhere"), data=bytes(bytearray(guest.data)))
    assert structs_of(again) is structs_of(guest)
    renamed = guest.data.replace(b"ap_record\0", b"ap_rekord\0")
    other = structs_of(replace(guest, data=renamed))
    assert other.get("ap_record") is None and other.get("ap_rekord") is not None
    assert structs_of(guest).get("ap_record") is not None
    assert structs_of(guest).get("ap_rekord") is None


def test_what_was_read_of_an_image_is_forgotten_after_some_others(guest: Image) -> None:
    kept = ref(structs_of(replace(guest, data=guest.data + b"first")))
    assert kept() is not None
    for number in range(IMAGES_KEPT):
        structs_of(replace(guest, data=guest.data + bytes([number])))
    assert kept() is None


NESTED = """\
namespace host_params { namespace dt {
struct Region { unsigned long start; unsigned char kind; };
} }
namespace other { struct Region { unsigned short word; }; }
host_params::dt::Region first;
other::Region second;
extern "C" void _start(void) { for (;;) { first.start += second.word; } }
"""


def test_a_struct_in_namespaces_is_found_by_the_last_parts_of_its_path(tmp_path: Path) -> None:
    guest = load_image(compiled(tmp_path, "-std=c++17", text=NESTED, file="guest.cpp"))
    structs = structs_of(guest)
    for name in ("host_params::dt::Region", "dt::Region"):
        layout = structs.get(name)
        assert layout is not None and layout.name == "host_params::dt::Region"
        assert [(f.name, f.offset, f.size) for f in layout.fields] == [
            ("start", 0, 8), ("kind", 8, 1),
        ]  # fmt: skip
    other = structs.get("other::Region")
    assert other is not None and other.size == 2
    assert structs.get("params::dt::Region") is None
