//! The host: which it is, memory that must be accepted, and the APs of a TD.
mod hv;
mod tdx;

pub use tdx::RESET_PAGE;

use crate::params::ShimParams;
use crate::{log, memory, Shim};
use core::arch::asm;
use core::arch::x86_64::__cpuid;

const PRIVILEGES: u32 = 0x4000_0003;
const ISOLATION: u32 = 1 << 22; // HvPartitionPrivilege bit 54, in EBX
pub const GUEST_OS_ID: u32 = 0x4000_0000;
pub const OS_ID: u64 = 1 << 40; // as openhcl_boot: it only must not be zero
const CRASH_P0: u32 = 0x4000_0100;
const CRASH_CONTROL: u32 = 0x4000_0105;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Isolation {
    None,
    Vbs,
    Tdx,
}

impl Isolation {
    /// As the kernel's tree has it.
    pub fn name(self) -> &'static [u8] {
        const NAMES: [&[u8]; 3] = [b"none\0", b"vbs\0", b"tdx\0"];
        NAMES[self as usize]
    }
}

/// The image says TDX or not; which of the others it is, the hypervisor's leaf says.
pub fn isolation(params: &ShimParams) -> Isolation {
    match params.supported_isolation_type {
        3 => Isolation::Tdx,
        1 if __cpuid(PRIVILEGES).ebx & ISOLATION != 0 => Isolation::Vbs,
        1 => Isolation::None,
        other => panic!("unexpected isolation type {other}"),
    }
}

/// Accept memory, and start what the kernel cannot start itself.
#[inline(never)]
pub fn bring_up(shim: &mut Shim<'_>) {
    match shim.isolation {
        Isolation::None => {}
        Isolation::Vbs => {
            let mut host = hv::Hypercalls::open();
            memory::for_each_not_imported(shim.params, shim.base, shim.memory.all, |range| {
                host.accept(range);
            });
            host.close();
        }
        Isolation::Tdx => {
            memory::for_each_not_imported(shim.params, shim.base, shim.memory.all, tdx::accept);
            tdx::start_aps(shim);
        }
    }
    log::line(format_args!("memory is accepted"));
}

#[inline]
pub fn wrmsr(msr: u32, value: u64) {
    let (low, high) = (value as u32, (value >> 32) as u32);
    unsafe { asm!("wrmsr", in("ecx") msr, in("eax") low, in("edx") high, options(nostack)) };
}

#[inline]
pub fn rdmsr(msr: u32) -> u64 {
    let (low, high): (u32, u32);
    unsafe { asm!("rdmsr", in("ecx") msr, out("eax") low, out("edx") high, options(nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Tells the host that this is the end, as openhcl_boot does, with plain MSR writes.
pub fn crash() -> ! {
    wrmsr(CRASH_P0, 0x5355_5254); // "TRUS"
    wrmsr(CRASH_CONTROL, 1 << 63);
    unsafe { asm!("ud2", options(noreturn)) }
}
