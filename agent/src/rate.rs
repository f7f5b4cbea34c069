//! How fast the capsule may write to its journals: a bucket of bytes that fills with time.

use crate::clock::SECOND;

/// Seconds of the rate that may be written at once.
const BURST_S: u64 = 4;

pub struct Bucket {
    /// Bytes a second.
    rate: u64,
    /// Bytes that may be written; below 0 after a write that was greater.
    left: i64,
    at: u64,
}

impl Bucket {
    pub fn new(rate: u64, now: u64) -> Bucket {
        let rate = rate.clamp(1, 1 << 40);
        Bucket { rate, left: (rate * BURST_S) as i64, at: now }
    }

    fn fill(&mut self, now: u64) {
        let gained = u128::from(now.saturating_sub(self.at)) * u128::from(self.rate) / u128::from(SECOND);
        // Less than a byte's time is left to gather.
        if gained > 0 {
            let most = (self.rate * BURST_S) as i64;
            self.left = self.left.saturating_add(gained.min(most as u128 * 2) as i64).min(most);
            self.at = now;
        }
    }

    pub fn take(&mut self, bytes: u64, now: u64) {
        self.fill(now);
        self.left -= bytes as i64;
    }

    /// Nanoseconds until something may be written; none where it may now.
    pub fn wait(&mut self, now: u64) -> Option<u64> {
        self.fill(now);
        if self.left > 0 {
            return None;
        }
        let missing = (1 - self.left) as u128;
        Some((missing * u128::from(SECOND) / u128::from(self.rate)) as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut bucket = Bucket::new(1000, 0);
        bucket.take(3999, 0);
        assert_eq!(bucket.wait(0), None);
        bucket.take(1001, 0);
        let wait = bucket.wait(0);
        assert!(wait.map_or(false, |wait| wait >= SECOND && wait < SECOND + SECOND / 100), "{:?}", wait);
        assert_eq!(bucket.wait(SECOND + SECOND / 100), None);
        let mut idle = Bucket::new(1000, 0);
        idle.take(1, 3600 * SECOND);
        assert_eq!(idle.left, 3999, "no more than the burst gathers");
    }
}
