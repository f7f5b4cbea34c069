//! How long ended processes stay known.

use crate::agent::Agent;
use crate::clock::SECOND;
use crate::slab::Key;
use crate::timers::Timer;
use std::collections::VecDeque;

/// Ended plain processes that stay known: the latest.
pub const MAX_PLAIN: usize = 64;
/// Other ended processes that stay known: the latest.
pub const MAX_KEPT: usize = 1000;
/// Seconds of unfrozen time for which these stay known, where the settings do not say.
pub const KEPT_S: u64 = 15 * 60;
/// Forgotten processes whose pipes descendants still hold open: the latest.
pub const MAX_HELD_OPEN: usize = 1024;

#[derive(Default)]
pub struct Ended {
    plain: VecDeque<Key>,
    kept: VecDeque<Key>,
    held_open: VecDeque<Key>,
}

impl Agent {
    /// Keeps an ended process, and forgets those that are too many.
    pub fn retain(&mut self, key: Key, plain: bool) {
        if plain {
            self.ended.plain.push_back(key);
        } else {
            self.ended.kept.push_back(key);
            self.timers.at_unfrozen(self.unfrozen() + self.settings.kept_s * SECOND, Timer::Retention(key));
        }
        let surplus = if self.ended.plain.len() > MAX_PLAIN {
            self.ended.plain.pop_front()
        } else if self.ended.kept.len() > MAX_KEPT {
            self.ended.kept.pop_front()
        } else {
            None
        };
        if let Some(oldest) = surplus {
            self.forget(oldest);
        }
    }

    /// Its time is over.
    pub fn retention_over(&mut self, key: Key) {
        self.ended.kept.retain(|one| *one != key);
        self.forget(key);
    }

    /// Forgets an ended process: its journal goes, and no selector finds it.
    pub fn forget(&mut self, key: Key) {
        let process = match self.processes.get_mut(key) {
            Some(process) if process.is_ended() && !process.forgotten => process,
            _ => return,
        };
        if !process.readers.is_empty() {
            // Somebody still reads it: it goes when the last has read its end.
            return;
        }
        process.forgotten = true;
        self.journal_bytes = self.journal_bytes.saturating_sub(process.journal.cost());
        let journal = std::mem::take(&mut process.journal);
        let id = std::mem::take(&mut process.request.id);
        let name = process.request.key.take();
        self.disk.doom(&id, &journal.segments, journal.spare);
        process.request.args = Vec::new();
        let open = !process.output_ended();
        if let Some(name) = name.filter(|name| self.by_key.get(name) == Some(&key)) {
            self.by_key.remove(&name);
        }
        if self.by_id.get(&id) == Some(&key) {
            self.by_id.remove(&id);
        }
        if open {
            self.ended.held_open.push_back(key);
            if self.ended.held_open.len() > MAX_HELD_OPEN {
                if let Some(oldest) = self.ended.held_open.pop_front() {
                    self.processes.remove(oldest);
                }
            }
        } else {
            self.processes.remove(key);
        }
    }

    /// Removes a forgotten process when the last of its pipes has closed.
    pub fn release_forgotten(&mut self, key: Key) {
        if self.processes.get(key).map_or(false, |process| process.forgotten && process.output_ended()) {
            self.processes.remove(key);
            self.ended.held_open.retain(|one| *one != key);
        }
    }

    /// Whether an ended process is still in one of the lists.
    pub fn is_retained(&self, key: Key) -> bool {
        self.ended.plain.contains(&key) || self.ended.kept.contains(&key)
    }
}
