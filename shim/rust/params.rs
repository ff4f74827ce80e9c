//! What the loader tells: openhcl_boot's ShimParamsRaw. Offsets count from the image's base.

pub const PAGE: u64 = 4096;
pub const LARGE: u64 = 0x20_0000;
const TREE_OFFSET: u64 = 0x2_8000;
const TREE_BYTES: usize = 0x4_0000;
const IMPORTED_OFFSET: u64 = 0x6_8000 + 48;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub start: u64,
    pub end: u64,
}

impl Range {
    pub fn new(start: u64, bytes: u64) -> Self {
        Self { start, end: start + bytes }
    }
}

#[repr(C)]
pub struct ShimParams {
    kernel_entry: i64,
    cmdline: i64,
    initrd: i64,
    initrd_size: u64,
    initrd_crc: u32,
    pub supported_isolation_type: u32,
    memory_start: i64,
    memory_size: u64,
    parameter_region: i64,
    parameter_region_size: u64,
    reserved: i64,
    reserved_size: u64,
    sidecar: i64,
    sidecar_size: u64,
    sidecar_entry: i64,
    used_start: i64,
    used_end: i64,
    bounce: i64,
    bounce_size: u64,
    log: i64,
    log_size: u64,
    heap: i64,
    heap_size: u64,
    persisted: i64,
    persisted_size: u64,
}

/// One of the loader's imported regions.
#[repr(C)]
pub struct Imported {
    pub base_page: u64,
    pub pages: u64,
    pub accepted: u64,
}

impl ShimParams {
    #[inline]
    fn at(&self, base: u64, offset: i64) -> u64 {
        base.wrapping_add(offset as u64)
    }

    pub fn kernel_entry(&self, base: u64) -> u64 {
        self.at(base, self.kernel_entry)
    }

    pub fn memory(&self, base: u64) -> Range {
        Range::new(self.at(base, self.memory_start), self.memory_size)
    }

    pub fn used(&self, base: u64) -> Range {
        Range { start: self.at(base, self.used_start), end: self.at(base, self.used_end) }
    }

    pub fn bounce(&self, base: u64) -> Range {
        Range::new(self.at(base, self.bounce), self.bounce_size)
    }

    pub fn log(&self, base: u64) -> Range {
        Range::new(self.at(base, self.log), self.log_size)
    }

    pub fn host_tree(&self, base: u64) -> &'static [u8] {
        let start = self.at(base, self.parameter_region) + TREE_OFFSET;
        unsafe { core::slice::from_raw_parts(start as *const u8, TREE_BYTES) }
    }

    /// The loader's initrd and command line, as boot_params has them.
    pub fn initrd(&self, base: u64) -> (u64, u64) {
        (self.at(base, self.initrd), self.initrd_size)
    }

    /// The pieces that the loader imported, in ascending order.
    pub fn imported(&self, base: u64) -> impl Iterator<Item = Range> {
        let first = (self.at(base, self.parameter_region) + IMPORTED_OFFSET) as *const Imported;
        (0..168)
            .map(move |index| unsafe { &*first.add(index) })
            .take_while(|region| region.pages != 0)
            .map(|region| Range::new(region.base_page * PAGE, region.pages * PAGE))
    }
}
