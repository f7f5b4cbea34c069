//! What is due when. Entries are never taken back: one that is no longer wanted finds its object
//! changed or gone when it fires.

use crate::clock::Clock;
use crate::slab::Key;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A connection has not said hello.
    Hello(Key),
    /// A refused connection has not taken its last words.
    Linger(Key),
    /// Held output goes out.
    Flush(Key),
    /// A write that the kernel had no memory for is tried again.
    Unblock(Key),
    /// Memory that only a burst needed goes back.
    Trim,
    /// A start has waited too long for a process.
    StartWait(Key),
    /// A connection has waited too long for its worker.
    WorkerWait(Key),
    /// A child has a request and may have been stopped.
    Nudge(Key),
    Timeout(Key),
    /// A terminal that took no more is tried again.
    Type(Key),
    /// The grace between SIGTERM and SIGKILL is over: process, slot.
    Grace(Key, Option<Key>),
    /// A process whose connection ended without a cancel.
    Lost(Key),
    /// The bound between a leader's exit and the end of its output.
    OutputEnd(Key),
    Retention(Key),
    /// A paced process looks at its slow readers.
    Pace(Key),
    Shutdown,
    /// What the capsule's processes had left to do before the host goes down is done.
    HostEnds,
    /// Journals write what has waited long enough.
    Spill,
    /// Journals may grow again.
    Rate,
    /// Processes stop waiting for readers that are close behind.
    Close,
    /// The log is written again.
    Log,
    /// Command lines of the list with this number have been waited for.
    List(u32),
    SweepSlots,
    ShrinkPool,
    Respawn,
}

type Heap = BinaryHeap<Reverse<(u64, Timer)>>;

/// Timers that are never too many to be kept unseen.
const FEW: usize = 1024;

#[derive(Default)]
pub struct Timers {
    real: Heap,
    unfrozen: Heap,
    /// How many the last compaction left.
    left: usize,
}

impl Timers {
    /// Fires at a monotonic time, paused or not.
    pub fn at_real(&mut self, time: u64, timer: Timer) {
        self.real.push(Reverse((time, timer)));
    }

    /// Fires at a time of the capsule's own clock.
    pub fn at_unfrozen(&mut self, time: u64, timer: Timer) {
        self.unfrozen.push(Reverse((time, timer)));
    }

    /// Whether twice as many have gathered as were wanted the last time.
    pub fn are_many(&self) -> bool {
        self.real.len() + self.unfrozen.len() > FEW.max(2 * self.left)
    }

    /// Drops those that are not wanted any more.
    pub fn compact(&mut self, wanted: impl Fn(Timer) -> bool) {
        for heap in [&mut self.real, &mut self.unfrozen] {
            let mut all = std::mem::take(heap).into_vec();
            all.retain(|entry| wanted(entry.0 .1));
            *heap = Heap::from(all);
        }
        self.left = self.real.len() + self.unfrozen.len();
    }

    /// Drops those that come next and are not wanted any more, so that none of them wakes anybody.
    pub fn skim(&mut self, wanted: impl Fn(Timer) -> bool) {
        for heap in [&mut self.real, &mut self.unfrozen] {
            while heap.peek().map_or(false, |entry| !wanted(entry.0 .1)) {
                heap.pop();
            }
        }
    }

    /// Gives back the room that timers of a burst have left.
    pub fn compact_memory(&mut self) {
        self.real.shrink_to_fit();
        self.unfrozen.shrink_to_fit();
    }

    /// The monotonic time of the next one.
    pub fn next(&self, clock: &Clock) -> Option<u64> {
        let real = self.real.peek().map(|entry| entry.0 .0);
        let unfrozen = self.unfrozen.peek().and_then(|entry| clock.monotonic_of(entry.0 .0));
        match (real, unfrozen) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// One that is due at the monotonic time `now`.
    pub fn pop(&mut self, clock: &Clock, now: u64) -> Option<Timer> {
        if self.real.peek().map_or(false, |entry| entry.0 .0 <= now) {
            return self.real.pop().map(|entry| entry.0 .1);
        }
        let due = !clock.is_paused() && self.unfrozen.peek().map_or(false, |entry| entry.0 .0 <= clock.unfrozen(now));
        if due {
            self.unfrozen.pop().map(|entry| entry.0 .1)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wanted_any_more_wakes_nobody() {
        let (mut timers, clock) = (Timers::default(), Clock::default());
        timers.at_unfrozen(50, Timer::Shutdown);
        timers.at_real(60, Timer::Respawn);
        timers.at_unfrozen(70, Timer::Trim);
        timers.skim(|timer| timer == Timer::Trim);
        assert_eq!(timers.next(&clock), Some(70));
    }

    #[test]
    fn a_pause_stops_the_capsules_timers_and_no_others() {
        let (mut timers, mut clock) = (Timers::default(), Clock::default());
        timers.at_unfrozen(50, Timer::Shutdown);
        timers.at_real(60, Timer::Respawn);
        clock.pause(40);
        assert_eq!(timers.next(&clock), Some(60));
        assert_eq!(timers.pop(&clock, 1000), Some(Timer::Respawn));
        assert_eq!(timers.pop(&clock, 1000), None);
        clock.resume(1000);
        assert_eq!(timers.next(&clock), Some(1010));
        assert_eq!(timers.pop(&clock, 1009), None);
        assert_eq!(timers.pop(&clock, 1010), Some(Timer::Shutdown));
    }
}
