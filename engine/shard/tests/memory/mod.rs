// SPDX-License-Identifier: Apache-2.0
//! An allocator that counts, per thread.
#![allow(
    dead_code,
    unsafe_code,
    reason = "a global allocator is unsafe to implement; each test file uses its own part"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Hands everything on to the system's allocator.
pub struct Counting;

impl Counting {
    /// Allocations of this thread so far.
    pub fn allocations() -> u64 {
        ALLOCATIONS.with(Cell::get)
    }

    /// Bytes this thread has allocated and not freed.
    pub fn bytes() -> i64 {
        BYTES.with(Cell::get)
    }

    fn note(allocations: u64, bytes: i64) {
        ALLOCATIONS.with(|count| count.set(count.get() + allocations));
        BYTES.with(|count| count.set(count.get() + bytes));
    }
}

// SAFETY: every call is handed on as it came; counting touches thread-local cells that need no allocation and no
// destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(1, layout.size() as i64);
        // SAFETY: as the caller of this function promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::note(0, -(layout.size() as i64));
        // SAFETY: as the caller of this function promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(1, size as i64 - layout.size() as i64);
        // SAFETY: as the caller of this function promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
