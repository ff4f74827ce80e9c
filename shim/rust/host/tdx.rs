//! A TD: memory is accepted page by page, and APs wait in the reset page.
use super::{GUEST_OS_ID, OS_ID};
use crate::params::{Range, LARGE, PAGE};
use crate::{log, Shim};
use core::arch::asm;

pub const RESET_PAGE: u64 = 0xFFFF_F000;
const SHARED: u64 = 1 << 47;
const PRESENT: u64 = 1;
const LARGE_LEAF: u64 = 1 << 7;
const FRAME: u64 = 0x000F_FFFF_FFFF_F000;

const VMCALL: u64 = 0;
const MEM_PAGE_ACCEPT: u64 = 6;
const SIZE_MISMATCH: u64 = 0xC000_0B0B;
const WRMSR: u64 = 0x20;
const MAPGPA: u64 = 0x1_0001;
const MASK_R10_R13: u64 = 0x3C00;
const MASK_HYPERCALL: u64 = 0x0D04;
const ENABLE_VP_VTL: u64 = 0x0F;
const START_VP: u64 = 0x99;
const ALREADY_ENABLED: u64 = 0x86;
const VTL: u64 = 2;

#[derive(Default)]
struct Registers {
    rcx: u64,
    rdx: u64,
    r8: u64,
    r10: u64,
    r11: u64,
    r12: u64,
    r13: u64,
}

fn tdcall(leaf: u64, with: &mut Registers) -> u64 {
    let status;
    unsafe {
        asm!("tdcall",
             inout("rax") leaf => status, inout("rcx") with.rcx, inout("rdx") with.rdx,
             inout("r8") with.r8, inout("r10") with.r10, inout("r11") with.r11,
             inout("r12") with.r12, inout("r13") with.r13)
    };
    status
}

#[inline]
fn vmcall(function: u64, r12: u64, r13: u64) {
    let mut with =
        Registers { rcx: MASK_R10_R13, r11: function, r12, r13, ..Registers::default() };
    let status = tdcall(VMCALL, &mut with);
    assert!(status | with.r10 == 0, "VMCALL {function:#x}: {status:#x}, {:#x}", with.r10);
}

#[inline]
fn accept_once(gpa: u64, level: u64) -> u64 {
    tdcall(MEM_PAGE_ACCEPT, &mut Registers { rcx: gpa | level, ..Registers::default() }) >> 32
}

/// 2 MiB where the host has mapped that much at once, else page by page.
#[inline(never)]
pub fn accept(range: Range) {
    let mut at = range.start;
    while at < range.end {
        let next = ((at | (LARGE - 1)) + 1).min(range.end);
        let whole = next - at == LARGE;
        let status = if whole { accept_once(at, 1) } else { SIZE_MISMATCH };
        if status == SIZE_MISMATCH {
            for page in (at..next).step_by(PAGE as usize) {
                let status = accept_once(page, 0);
                assert!(status == 0, "accepting {page:#x}: {status:#x}");
            }
        } else {
            assert!(status == 0, "accepting 2 MiB at {at:#x}: {status:#x}");
        }
        at = next;
    }
}

/// The leaf of a 2 MiB page in the running tables.
fn large_leaf(gpa: u64) -> &'static mut u64 {
    let mut table: u64;
    unsafe { asm!("mov {}, cr3", out(reg) table, options(nostack)) };
    for shift in [39, 30] {
        let entry = unsafe { &*((table & FRAME) as *const u64).add((gpa >> shift & 511) as usize) };
        assert!(entry & PRESENT != 0, "{gpa:#x} is not mapped");
        table = *entry;
    }
    let leaf = unsafe { &mut *((table & FRAME) as *mut u64).add((gpa >> 21 & 511) as usize) };
    assert!(*leaf & LARGE_LEAF != 0, "{gpa:#x} is in no large page");
    leaf
}

fn set_shared(gpa: u64, shared: bool) {
    let leaf = large_leaf(gpa);
    *leaf = if shared { *leaf | SHARED } else { *leaf & !SHARED };
    unsafe { asm!("invlpg [{}]", in(reg) gpa, options(nostack)) };
}

/// The input of a call about one vCPU, with a context of zeros: it starts at the reset vector.
fn vp_call(page: u64, code: u64, vp: u64) -> u64 {
    let input = page as *mut u64;
    for word in 0..30 {
        unsafe { input.add(word).write_volatile(0) };
    }
    unsafe {
        input.write_volatile(u64::MAX); // this partition
        input.add(1).write_volatile(vp | VTL << 32);
    }
    let mut with = Registers {
        rcx: MASK_HYPERCALL, rdx: page, r8: page + PAGE, r10: code, ..Registers::default()
    };
    let status = tdcall(VMCALL, &mut with);
    assert!(status == 0, "the module refuses a hypercall: {status:#x}");
    with.r11 & 0xFFFF
}

/// What openhcl_boot leaves for its APs: the static GDT, no IDT, tables that map everything.
fn patch_reset_page() {
    const GDTR_LIMIT: u64 = 0x36;
    const IDTR_LIMIT: u64 = 0x1E;
    const CODE_SELECTOR: u64 = 0x30;
    const TASK_SELECTOR: u64 = 0x1C;
    const CR0: u64 = 0x78;
    const CR4: u64 = 0x88;
    for field in [GDTR_LIMIT, IDTR_LIMIT, CODE_SELECTOR, TASK_SELECTOR] {
        unsafe { ((RESET_PAGE + field) as *mut u16).write_volatile(0) };
    }
    for (field, bits) in [(CR0, 0x8000_0021u64), (CR4, 0x60)] {
        let place = (RESET_PAGE + field) as *mut u64;
        unsafe { place.write_volatile(place.read_volatile() | bits) };
    }
}

/// One shared page carries the calls that start the APs; then it is private again.
#[inline(never)]
pub fn start_aps(shim: &mut Shim<'_>) {
    let page = shim.memory.bounce.start;
    patch_reset_page();
    set_shared(page, true);
    vmcall(MAPGPA, page | SHARED, LARGE);
    vmcall(WRMSR, u64::from(GUEST_OS_ID), OS_ID);
    for vp in 1..shim.topology.cpus().len() as u64 {
        let status = vp_call(page, ENABLE_VP_VTL, vp);
        assert!(status == 0 || status == ALREADY_ENABLED, "enabling vp {vp}: {status:#x}");
        let status = vp_call(page, START_VP, vp);
        assert!(status == 0, "starting vp {vp}: {status:#x}");
    }
    log::line(format_args!("{} vps started", shim.topology.cpus().len() - 1));
    vmcall(WRMSR, u64::from(GUEST_OS_ID), 0);
    set_shared(page, false);
    vmcall(MAPGPA, page, LARGE);
    accept(Range::new(page, LARGE));
}
