//! Hyper-V without TDX: the hypercall page, and acceptance of memory under VBS.
use super::{rdmsr, wrmsr, GUEST_OS_ID, OS_ID};
use crate::params::{Range, PAGE};
use core::arch::asm;

const HYPERCALL: u32 = 0x4000_0001;
const ACCEPT_GPA_PAGES: u64 = 0xD9;
const ATTRIBUTES: u32 = 0x401; // RAM, private, VTL 2
const BATCH: u64 = 509;

#[repr(C, align(4096))]
struct Page([u64; 512]);

static mut CODE: Page = Page([0; 512]);
static mut INPUT: Page = Page([0; 512]);
static mut OUTPUT: Page = Page([0; 512]);

#[repr(C)]
struct AcceptPages {
    partition: u64,
    attributes: u32,
    permissions: u32,
    first_page: u64,
}

pub struct Hypercalls {
    input: *mut AcceptPages,
}

impl Hypercalls {
    pub fn open() -> Self {
        wrmsr(GUEST_OS_ID, OS_ID);
        let value = rdmsr(HYPERCALL);
        assert!(value & 1 == 0, "the hypercall page is enabled already");
        wrmsr(HYPERCALL, value & 0xFFE | &raw const CODE as u64 | 1);
        Self { input: (&raw mut INPUT).cast() }
    }

    /// The result: status in bits 15:0, repetitions done in 43:32.
    fn call(&mut self, control: u64) -> u64 {
        let result;
        unsafe {
            asm!("call {page}", page = in(reg) &raw const CODE, inout("rcx") control => _,
                 inout("rdx") self.input => _, inout("r8") &raw mut OUTPUT => _,
                 out("rax") result, out("r9") _, out("r10") _, out("r11") _)
        };
        result
    }

    /// Accepts pages; the host may stop early without an error, but it must get on.
    pub fn accept(&mut self, range: Range) {
        let (mut page, end) = (range.start / PAGE, range.end / PAGE);
        while page < end {
            let now = (end - page).min(BATCH);
            unsafe {
                self.input.write_volatile(AcceptPages {
                    partition: u64::MAX,
                    attributes: ATTRIBUTES,
                    permissions: 0,
                    first_page: page,
                });
            }
            let result = self.call(ACCEPT_GPA_PAGES | now << 32);
            let done = result >> 32 & 0xFFF;
            assert!(result & 0xFFFF == 0 && done > 0, "AcceptGpaPages: {result:#x}");
            page += done;
        }
    }

    pub fn close(self) {
        wrmsr(HYPERCALL, rdmsr(HYPERCALL) & !1);
        wrmsr(GUEST_OS_ID, 0);
    }
}
