"""The guest's device tree reader and writer, compiled for this computer and tried here."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import fdt
import pytest

from tests.house.tree import ROOT

WRITER: Final = r"""
#include "fdt.h"
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **words)
{
    static uint8_t buffer[4096];
    static struct fdt_writer w;
    const struct fdt_reservation kept = {0x1234000, 0x2000};
    const uint32_t cells[3] = {0, 0xFFFFF000, 0x1000};
    uint32_t room = count > 1 ? (uint32_t)atoi(words[1]) : sizeof buffer;
    fdt_begin(&w, buffer, room, &kept, 1);
    fdt_node(&w, "");
    fdt_cell(&w, "#address-cells", 2);
    fdt_text(&w, "compatible", "a,b");
    fdt_node(&w, "reserved-memory");
    fdt_empty(&w, "ranges");
    fdt_node_at(&w, "wakeup_table", 0xFFFFF000);
    fdt_text(&w, "compatible", "intel,wakeup-mailbox");
    fdt_cells(&w, "reg", cells, 3);
    fdt_wide(&w, "apdbg,reset-vector", 0x100000002);
    fdt_bytes(&w, "odd", "\1\2\3", 3);
    fdt_node_end(&w);
    fdt_node_end(&w);
    fdt_node_end(&w);
    uint32_t size = fdt_finish(&w, 6);
    fwrite(buffer, 1, size, stdout);
    return size ? 0 : 7;
}
"""

READER: Final = r"""
#define _GNU_SOURCE
#include "fdt.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
enum { ROOM = 1 << 16, PAGE = 4096, TOKENS_MAX = ROOM };
/* Reads [u32 size, blob]* and walks each blob right in front of a page that faults. */
int main(void)
{
    uint8_t *area = mmap(0, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);
    mprotect(area + ROOM, PAGE, PROT_NONE);
    uint32_t size;
    while (fread(&size, 4, 1, stdin) == 1) {
        uint8_t *blob = area + ROOM - size;
        if (fread(blob, 1, size, stdin) != size)
            return 8;
        struct fdt tree;
        if (!fdt_open(&tree, blob, size)) {
            puts("refused");
            continue;
        }
        struct fdt_cursor cursor = {0};
        struct fdt_token token;
        uint32_t tokens = 0, sum = 0;
        do {
            token = fdt_next(&tree, &cursor);
            if (token.kind == FDT_NODE || token.kind == FDT_PROPERTY)
                sum += (uint32_t)strlen(token.name);
            for (uint32_t i = 0; token.kind == FDT_PROPERTY && i < token.size; i++)
                sum += token.value[i];
            tokens++;
        } while (token.kind != FDT_DONE && token.kind != FDT_BROKEN && tokens < TOKENS_MAX);
        printf("%s %u %u\n", token.kind == FDT_DONE ? "done" : "broken", tokens, sum);
    }
    return 0;
}
"""


def compiled(source: str, place: Path, *more: str) -> Path:
    """A program of this computer from a harness and the guest's own files."""
    (place / "harness.c").write_text(source)
    program = place / "program"
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-std=gnu17", "-O1", "-Ishim",
         str(place / "harness.c"), *more, "-o", str(program)],
        cwd=ROOT, check=True,
    )  # fmt: skip
    return program


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes one tree with every kind of property to its standard output."""
    return compiled(WRITER, tmp_path_factory.mktemp("writer"), "shim/fdt_write.c")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Walks trees from its standard input and says how each ended."""
    return compiled(READER, tmp_path_factory.mktemp("reader"), "shim/fdt_read.c")


@pytest.fixture(scope="module")
def blob(writer: Path) -> bytes:
    """The tree that the guest's writer made."""
    return subprocess.run([writer], capture_output=True, check=True).stdout


def walked(reader: Path, blobs: list[bytes]) -> list[str]:
    """How the guest's reader ends on each blob."""
    data = b"".join(len(one).to_bytes(4, "little") + one for one in blobs)
    result = subprocess.run([reader], input=data, capture_output=True, check=False)
    assert result.returncode == 0, f"the reader ran into the guard page: {result.returncode}"
    return result.stdout.decode().splitlines()


def test_what_is_written_is_what_others_read(blob: bytes) -> None:
    tree = fdt.parse_dtb(blob)
    mailbox = tree.get_node("/reserved-memory/wakeup_table@fffff000")
    assert tree.get_property("#address-cells").data == [2]
    assert mailbox.get_property("compatible").data == ["intel,wakeup-mailbox"]
    assert mailbox.get_property("reg").data == [0, 0xFFFFF000, 0x1000]
    assert mailbox.get_property("apdbg,reset-vector").data == [1, 2]
    assert bytes(mailbox.get_property("odd").data) == b"\1\2\3"
    assert tree.header.boot_cpuid_phys == 6
    assert [(one["address"], one["size"]) for one in tree.entries] == [(0x1234000, 0x2000)]


def test_a_tree_that_does_not_fit_is_no_tree(writer: Path, blob: bytes) -> None:
    for room in range(0, len(blob), 7):
        result = subprocess.run([writer, str(room)], capture_output=True, check=False)
        assert (result.returncode, result.stdout) == (7, b""), room
    fitting = subprocess.run([writer, str(len(blob))], capture_output=True, check=True)
    assert fitting.stdout == blob


def test_a_good_tree_is_walked_to_its_end(reader: Path, blob: bytes) -> None:
    (found,) = walked(reader, [blob])
    kind, tokens, _ = found.split()
    assert (kind, int(tokens)) == ("done", 3 + 3 + 7 + 1), "nodes, ends, properties, the end"


def test_a_tree_that_is_cut_short_is_refused(reader: Path, blob: bytes) -> None:
    assert set(walked(reader, [blob[:size] for size in range(len(blob))])) == {"refused"}


def test_no_damage_leads_the_reader_out_of_its_room(reader: Path, blob: bytes) -> None:
    chance, damaged = random.Random(0), []
    for _ in range(5_000):
        copy = bytearray(blob)
        for _ in range(chance.randint(1, 4)):
            copy[chance.randrange(len(copy))] = chance.choice((0, 1, 3, 9, 0x7F, 0xFF))
        damaged.append(bytes(copy))
    ends = {line.split()[0] for line in walked(reader, damaged)}
    assert ends == {"refused", "broken", "done"}
