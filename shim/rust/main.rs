//! A boot shim in Rust that asks for what openhcl_boot asks for: position independent, relocated
//! by itself, v0 names, no standard library. It reads ShimParams and the host's device tree,
//! writes the memory log, parks the APs of a TD by the reset page, and enters the kernel.
#![no_std]
#![no_main]

mod entry;
mod handover;
mod host;
mod log;
mod memory;
mod params;
mod rt;
mod tree;

use host::Isolation;
use memory::Memory;
use params::ShimParams;
use tree::HostTopology;

/// What the steps of the boot share.
pub struct Shim<'a> {
    pub params: &'a ShimParams,
    pub base: u64,
    pub isolation: Isolation,
    pub memory: Memory,
    pub topology: HostTopology,
}

/// The boot, step by step; `entry` comes here on the shim's own stack.
#[no_mangle]
extern "C" fn shim_main(params: &ShimParams, base: u64) -> ! {
    log::open(params.log(base));
    log::line(format_args!("rust shim: base {base:#x}"));
    let isolation = host::isolation(params);
    let topology = match tree::topology_from_host_dt(params.host_tree(base)) {
        Ok(found) => found,
        Err(error) => panic!("host device tree: {error:?}"),
    };
    log::line(format_args!("{isolation:?}: {} cpus", topology.cpus().len()));
    let memory = Memory::new(params, base);
    let mut shim = Shim { params, base, isolation, memory, topology };
    host::bring_up(&mut shim);
    handover::enter_kernel(&mut shim)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    log::line(format_args!("{info}"));
    host::crash()
}
