//! The memory log: openhcl_boot's string_page_buf. u16 capacity, used and dropped, then text.
use crate::params::Range;
use core::fmt::{Arguments, Result, Write};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

const HEADER: u64 = 6;

static PAGE: AtomicU64 = AtomicU64::new(0);

struct Log(u64);

impl Log {
    fn field(&mut self, index: u64) -> &mut u16 {
        unsafe { &mut *((self.0 + 2 * index) as *mut u16) }
    }
}

impl Write for Log {
    fn write_str(&mut self, text: &str) -> Result {
        let (capacity, used) = (u64::from(*self.field(0)), u64::from(*self.field(1)));
        if used + text.len() as u64 > capacity {
            *self.field(2) += 1;
            return Ok(());
        }
        let at = (self.0 + HEADER + used) as *mut u8;
        unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), at, text.len()) };
        *self.field(1) += text.len() as u16;
        Ok(())
    }
}

/// From now on there is a log.
pub fn open(range: Range) {
    if range.end - range.start <= HEADER {
        return;
    }
    let mut log = Log(range.start);
    *log.field(0) = (range.end - range.start - HEADER) as u16;
    *log.field(1) = 0;
    *log.field(2) = 0;
    PAGE.store(range.start, Relaxed);
}

/// One line.
pub fn line(words: Arguments<'_>) {
    let page = PAGE.load(Relaxed);
    if page != 0 {
        let _ = writeln!(Log(page), "[INFO] {words}");
    }
}
