//! Time: the machine's, and the capsule's own, which stands still while it is paused.

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: u64 = 1000 * MS;

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the struct.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

/// Nanoseconds since some moment; it only goes forward.
pub fn monotonic() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970.
pub fn unix() -> u64 {
    read(libc::CLOCK_REALTIME)
}

/// The capsule's clock.
#[derive(Debug, Default)]
pub struct Clock {
    paused_at: Option<u64>,
    lost: u64,
}

impl Clock {
    pub fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    /// Unfrozen nanoseconds at the monotonic time `now`.
    pub fn unfrozen(&self, now: u64) -> u64 {
        self.paused_at.unwrap_or(now).saturating_sub(self.lost)
    }

    /// The monotonic time of an unfrozen one; none while the clock stands.
    pub fn monotonic_of(&self, unfrozen: u64) -> Option<u64> {
        if self.is_paused() {
            None
        } else {
            Some(unfrozen.saturating_add(self.lost))
        }
    }

    pub fn pause(&mut self, now: u64) {
        self.paused_at.get_or_insert(now);
    }

    pub fn resume(&mut self, now: u64) {
        if let Some(at) = self.paused_at.take() {
            self.lost += now.saturating_sub(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paused_time_does_not_count_and_a_second_pause_changes_nothing() {
        let mut clock = Clock::default();
        clock.pause(100);
        clock.pause(150);
        assert_eq!(clock.unfrozen(400), 100);
        assert_eq!(clock.monotonic_of(120), None);
        clock.resume(400);
        clock.resume(500);
        assert_eq!(clock.unfrozen(450), 150);
        assert_eq!(clock.monotonic_of(150), Some(450));
    }
}
