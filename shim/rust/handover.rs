//! What the kernel gets: E820, a device tree, boot_params; then the jump.
use crate::entry::jump_to_kernel;
use crate::host::{Isolation, RESET_PAGE};
use crate::params::{Range, LARGE, PAGE};
use crate::{log, Shim};

const TREE_BYTES: u64 = 0x6_0000;
const SETUP_DTB: u32 = 2;
const E820_COUNT: usize = 0x1E8;
const TYPE_OF_LOADER: usize = 0x210;
const RAMDISK: usize = 0x218;
const SETUP_DATA: usize = 0x250;
const E820_TABLE: usize = 0x2D0;

#[derive(Clone, Copy)]
#[repr(u32)]
enum Kind {
    Ram = 1,
    Reserved = 2,
}

#[repr(C, align(4096))]
struct BootParams([u8; PAGE as usize]);

static mut BOOT_PARAMS: BootParams = BootParams([0; PAGE as usize]);

impl BootParams {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    #[inline]
    fn add_e820(&mut self, start: u64, end: u64, kind: Kind) {
        if start >= end {
            return;
        }
        let at = E820_TABLE + 20 * usize::from(self.0[E820_COUNT]);
        self.put(at, &start.to_le_bytes());
        self.put(at + 8, &(end - start).to_le_bytes());
        self.put(at + 16, &(kind as u32).to_le_bytes());
        self.0[E820_COUNT] += 1;
    }

    fn fill_e820(&mut self, shim: &Shim<'_>, tree: Range) {
        let memory = &shim.memory;
        let mut free = memory.all.start + LARGE;
        self.add_e820(memory.all.start, free, Kind::Reserved);
        if memory.bounce.end > free {
            self.add_e820(free, memory.bounce.end, Kind::Ram);
            free = memory.bounce.end;
        }
        self.add_e820(free, memory.used.end, Kind::Reserved);
        self.add_e820(memory.used.end, tree.start, Kind::Ram);
        self.add_e820(tree.start, tree.end, Kind::Reserved);
        self.add_e820(tree.end, memory.all.end, Kind::Ram);
        if shim.isolation == Isolation::Tdx {
            self.add_e820(RESET_PAGE, RESET_PAGE + PAGE, Kind::Reserved);
        }
    }
}

/// Writes a device tree front to back.
struct Writer {
    start: u64,
    at: u64,
    strings: [u8; 256],
    used: usize,
}

impl Writer {
    fn cell(&mut self, value: u32) {
        unsafe { (self.at as *mut u32).write_unaligned(value.to_be()) };
        self.at += 4;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end = (self.at as usize) as *mut u8;
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), end, bytes.len()) };
        let padded = (bytes.len() + 3) & !3;
        for at in bytes.len()..padded {
            unsafe { end.add(at).write(0) };
        }
        self.at += padded as u64;
    }

    fn name(&mut self, name: &str) -> u32 {
        let wanted = name.as_bytes();
        let known = self.strings[..self.used].windows(wanted.len() + 1).position(|one| {
            one[..wanted.len()] == *wanted && one[wanted.len()] == 0
        });
        let at = known.unwrap_or(self.used);
        if known.is_none() {
            self.strings[at..at + wanted.len()].copy_from_slice(wanted);
            self.used += wanted.len() + 1;
        }
        at as u32
    }

    fn node(&mut self, name: &[u8]) {
        self.cell(1);
        self.bytes(name);
    }

    fn unit(&mut self, name: &str, unit: u64) {
        let mut text = [0u8; 48];
        text[..name.len()].copy_from_slice(name.as_bytes());
        text[name.len()] = b'@';
        let digits = (16 - unit.leading_zeros() as usize / 4).max(1);
        for place in 0..digits {
            let digit = (unit >> (4 * (digits - 1 - place)) & 15) as usize;
            text[name.len() + 1 + place] = b"0123456789abcdef"[digit];
        }
        self.node(&text[..name.len() + 2 + digits]);
    }

    fn end(&mut self) {
        self.cell(2);
    }

    fn property(&mut self, name: &str, value: &[u8]) {
        self.cell(3);
        self.cell(value.len() as u32);
        let place = self.name(name);
        self.cell(place);
        self.bytes(value);
    }

    #[inline]
    fn number(&mut self, name: &str, value: u32) {
        self.property(name, &value.to_be_bytes());
    }

    #[inline]
    fn range(&mut self, start: u64, bytes: u64) {
        let mut value = [0; 16];
        value[..8].copy_from_slice(&start.to_be_bytes());
        value[8..].copy_from_slice(&bytes.to_be_bytes());
        self.property("reg", &value);
    }

    fn cells(&mut self, address: u32, size: u32) {
        self.number("#address-cells", address);
        self.number("#size-cells", size);
    }

    fn finish(&mut self, boot_cpu: u32) {
        self.cell(9);
        let strings = self.at;
        let (text, used) = (self.strings, self.used);
        self.bytes(&text[..used]);
        let (start, end) = (self.start, self.at);
        self.at = start;
        let structs = 40 + 16;
        for value in [
            0xD00D_FEED, (end - start) as u32, structs, (strings - start) as u32, 40, 17, 16,
            boot_cpu, used as u32, (strings - start) as u32 - structs,
        ] {
            self.cell(value);
        }
    }
}

#[inline(never)]
fn write_tree(shim: &Shim<'_>, start: u64) {
    let mut w = Writer { start, at: start + 40, strings: [0; 256], used: 0 };
    for _ in 0..4 {
        w.cell(0); // no reservations
    }
    w.node(b"\0");
    w.cells(2, 2);
    w.node(b"reserved-memory\0");
    w.cells(2, 2);
    w.property("ranges", b"");
    if shim.isolation == Isolation::Tdx && shim.topology.cpus().len() > 1 {
        w.unit("wakeup_table", RESET_PAGE);
        w.property("compatible", b"intel,wakeup-mailbox\0");
        w.range(RESET_PAGE, PAGE);
        w.end();
    }
    w.end();
    w.node(b"cpus\0");
    w.cells(1, 0);
    for (index, cpu) in shim.topology.cpus().iter().enumerate() {
        w.unit("cpu", index as u64 + 1);
        w.property("device_type", b"cpu\0");
        w.number("reg", cpu.apic_id);
        w.property("status", b"okay\0");
        w.end();
    }
    w.end();
    w.unit("memory", shim.memory.all.start);
    w.property("device_type", b"memory\0");
    w.range(shim.memory.all.start, shim.memory.all.end - shim.memory.all.start);
    w.end();
    if shim.topology.serial {
        w.unit("serial", 0x3E8);
        w.property("compatible", b"ns16550\0");
        w.end();
    }
    w.node(b"openhcl\0");
    w.property("isolation-type", shim.isolation.name());
    w.end();
    w.end();
    w.finish(shim.topology.cpus()[0].apic_id);
}

/// Leaves the shim.
#[inline(never)]
pub fn enter_kernel(shim: &mut Shim<'_>) -> ! {
    let tree = shim.memory.take(TREE_BYTES / PAGE);
    write_tree(shim, tree.start + 16);
    let boot = unsafe { &mut *(&raw mut BOOT_PARAMS) };
    boot.fill_e820(shim, tree);
    boot.0[TYPE_OF_LOADER] = 0xFF;
    let (initrd, size) = shim.params.initrd(shim.base);
    boot.put(RAMDISK, &(initrd as u32).to_le_bytes());
    boot.put(RAMDISK + 4, &(size as u32).to_le_bytes());
    boot.put(SETUP_DATA, &tree.start.to_le_bytes());
    unsafe {
        (tree.start as *mut u64).write(0);
        ((tree.start + 8) as *mut u32).write(SETUP_DTB);
        ((tree.start + 12) as *mut u32).write((TREE_BYTES - 16) as u32);
    }
    log::line(format_args!("about to jump to the kernel"));
    unsafe { jump_to_kernel(shim.params.kernel_entry(shim.base), boot.0.as_ptr() as u64) }
}
