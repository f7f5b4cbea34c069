//! What goes when journals reach their bounds: whole segments, and only those that nobody waits for.

use crate::agent::Agent;
use crate::request::OnFull;
use crate::slab::Key;

/// Whether there is space on disk within the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    Free,
    /// Readers have not taken what would have to go.
    Pinned,
    /// No reader ever took what would have to go, and the process waits for one.
    Untaken,
    /// Everything belongs to processes that wait for readers.
    Full,
}

impl Agent {
    /// Makes space for `incoming` bytes of a process's journal.
    pub fn make_space(&mut self, key: Key, incoming: u64) -> Space {
        loop {
            match self.processes.get(key) {
                Some(process)
                    if process.journal.disk_bytes + incoming > self.disk.bounds.process && !process.journal.segments.is_empty() => {}
                _ => break,
            }
            match self.oldest_of(key, self.waits_for_readers(key)) {
                Space::Free => self.evict(key, true),
                other => return other,
            }
        }
        while self.disk.bytes + incoming > self.disk.bounds.capsule {
            match self.victim() {
                Ok(victim) => self.evict(victim, false),
                Err(Space::Full) if self.waits_for_readers(key) => return Space::Untaken,
                Err(other) => return other,
            }
        }
        Space::Free
    }

    fn waits_for_readers(&self, key: Key) -> bool {
        self.processes.get(key).map_or(false, |process| process.request.on_full == OnFull::Block)
    }

    /// Whether a process's oldest segment may go, where it `waits` only if a reader has taken it.
    fn oldest_of(&self, key: Key, waits: bool) -> Space {
        let process = match self.processes.get(key) {
            Some(process) => process,
            None => return Space::Full,
        };
        let end = process.journal.oldest_end();
        if waits && process.journal.taken < end {
            return Space::Untaken;
        }
        let pins = |reader: &Key| self.connections.get(*reader).and_then(|one| one.position()).map_or(false, |(_, next)| next < end);
        if process.readers.iter().any(pins) {
            Space::Pinned
        } else {
            Space::Free
        }
    }

    /// The process whose oldest segment goes next: the one that ended first, else the live one that
    /// has most on disk.
    fn victim(&self) -> Result<Key, Space> {
        let mut candidates: Vec<(bool, u64, Key)> = self
            .processes
            .iter()
            .filter(|(_, process)| !process.journal.segments.is_empty())
            .map(|(key, process)| match process.is_ended() {
                true => (false, process.ended_order, key),
                false => (true, u64::MAX - process.journal.disk_bytes, key),
            })
            .collect();
        candidates.sort_unstable();
        let mut none = Space::Full;
        for (live, _, key) in candidates {
            match self.oldest_of(key, live && self.waits_for_readers(key)) {
                Space::Free => return Ok(key),
                Space::Pinned => none = Space::Pinned,
                Space::Untaken | Space::Full => {}
            }
        }
        Err(none)
    }

    /// Drops a process's oldest segment; its file is kept for the next one if that is `reused`.
    fn evict(&mut self, key: Key, reused: bool) {
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        if let Some(segment) = process.journal.drop_segment() {
            self.disk.bytes = self.disk.bytes.saturating_sub(segment.length);
            let number = segment.number;
            let gone = if reused { process.journal.spare.replace(number) } else { Some(number) };
            if let (Some(control), Some(number)) = (&self.disk.control, gone) {
                control.remove_segment(&process.request.id, number);
            }
        }
    }
}
