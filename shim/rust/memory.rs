//! Pages for the shim, and the pieces of memory that the loader has not imported.
use crate::params::{Range, ShimParams, PAGE};

pub struct Memory {
    pub all: Range,
    pub used: Range,
    pub bounce: Range,
    next: u64,
}

impl Memory {
    pub fn new(params: &ShimParams, base: u64) -> Self {
        let used = params.used(base);
        Self { all: params.memory(base), used, bounce: params.bounce(base), next: used.end }
    }

    /// Pages behind all that is used.
    pub fn take(&mut self, pages: u64) -> Range {
        let taken = Range::new(self.next, pages * PAGE);
        assert!(taken.end <= self.all.end, "out of memory: {pages} pages wanted");
        self.next = taken.end;
        taken
    }
}

/// Calls for each piece that was not imported.
pub fn for_each_not_imported(
    params: &ShimParams,
    base: u64,
    within: Range,
    mut call: impl FnMut(Range),
) {
    let mut at = within.start;
    for region in params.imported(base) {
        if region.end <= at || region.start >= within.end {
            continue;
        }
        if region.start > at {
            call(Range { start: at, end: region.start });
        }
        at = region.end;
    }
    if at < within.end {
        call(Range { start: at, end: within.end });
    }
}
