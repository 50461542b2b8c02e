//! The memory of all bodies together that are being read: known callers together cannot take more.
//!
//! Two lanes, because who waits for memory waits in order of arrival: a body of the usual size never stands behind one of many megabytes.
//! What a single body may come to is checked in `parse.rs`.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The largest body of the lane for small ones: a long conversation without images.
const SMALL_BYTES_MAX: u64 = 256 * 1024;

/// Which part of the memory is kept for small bodies.
const SMALL_SHARE: u64 = 4;

/// Memory that bodies are read into, counted in KiB.
#[derive(Debug)]
pub struct BodyMemory {
    small: Lane,
    large: Lane,
}

#[derive(Debug)]
struct Lane {
    free_kib: Semaphore,
    all_kib: u32,
}

impl Lane {
    fn new(bytes: u64) -> Self {
        let all_kib = kib(bytes).max(1);
        Self { free_kib: Semaphore::new(usize::try_from(all_kib).unwrap_or(usize::MAX)), all_kib }
    }
}

/// Memory for one body, given back when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the memory to the next body"]
pub struct BodyReservation<'a> {
    _permit: SemaphorePermit<'a>,
}

impl BodyMemory {
    /// At most `bytes` for all bodies.
    pub fn new(bytes: u64) -> Self {
        let small = bytes / SMALL_SHARE;
        Self { small: Lane::new(small), large: Lane::new(bytes - small) }
    }

    /// Waits, at most for `patience`, for the memory of a body of `bytes`. `None` when others keep it for longer.
    ///
    /// A body that is larger than all of its lane takes the lane for itself: the configuration allows it, so that it must get through.
    pub async fn reserve(&self, bytes: u64, patience: Duration) -> Option<BodyReservation<'_>> {
        let lane = if bytes <= SMALL_BYTES_MAX { &self.small } else { &self.large };
        let wanted = lane.free_kib.acquire_many(kib(bytes).min(lane.all_kib));
        // The semaphore is never closed, so that the one way not to get memory is to wait for too long.
        let permit = timeout(patience, wanted).await.ok().and_then(Result::ok)?;
        Some(BodyReservation { _permit: permit })
    }
}

fn kib(bytes: u64) -> u32 {
    // tokio's semaphores count to a little less than this on every platform; as memory it is 2 TiB.
    const MOST: u32 = u32::MAX >> 1;
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(MOST).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_each_other_and_never_hold_up_a_small_one() {
        let memory = BodyMemory::new(8 * MIB);
        let first = memory.reserve(4 * MIB, PATIENCE).await.expect("six are free");
        assert!(memory.reserve(4 * MIB, PATIENCE).await.is_none(), "two are free");
        let (waiting, small) =
            tokio::join!(memory.reserve(4 * MIB, PATIENCE), memory.reserve(1024, PATIENCE));
        assert!(waiting.is_none());
        drop(small.expect("the other lane"));
        drop(first);
        drop(memory.reserve(4 * MIB, PATIENCE).await.expect("the first gave it back"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_larger_than_its_lane_gets_all_of_it() {
        let memory = BodyMemory::new(MIB);
        let alone = memory.reserve(25 * MIB, PATIENCE).await.expect("all of the lane");
        assert!(memory.reserve(MIB, PATIENCE).await.is_none());
        drop(alone);
        drop(memory.reserve(0, PATIENCE).await.expect("nothing is always there"));
    }
}
