//! The first moment of a child's work, in which nobody listens to each of its steps. Most commands
//! are over by then: their end tells all the rest, and each waking of the loop costs as much as a
//! step itself. Only standard error is heard at once, and what is on standard output is read
//! before it, so that what a process prints keeps its order.

use crate::agent::Agent;
use crate::clock::MS;
use crate::poller::{Source, EDGE, QUIET, READABLE};
use crate::pool::{Waiter, ZygotePhase};
use crate::process::{Phase, Process};
use crate::record::Stream;
use crate::slab::Key;

/// Milliseconds until a child's steps are listened to.
pub const YOUNG_MS: u64 = 2;
/// Milliseconds of that where many begin at once, each of which then takes longer.
pub const LONG_YOUNG_MS: u64 = 8;
/// Children beyond which it is longer.
const FEW: usize = 2;

impl Agent {
    /// Listens to a child that was given something to do, where its steps matter to somebody at once.
    pub fn listen(&mut self, index: usize) {
        let zygote = match self.pool.cells.get_mut(index).and_then(|cell| cell.as_mut()) {
            Some(zygote) => zygote,
            None => return,
        };
        zygote.given_at = self.now;
        let process = match zygote.phase {
            ZygotePhase::Launching(Waiter::Process(process)) => Some(process),
            _ => None,
        };
        let short = process.filter(|key| self.processes.get(*key).map_or(false, Process::is_short));
        zygote.stderr_heard = short.map_or(false, |key| self.poller.add(&zygote.stderr, READABLE | EDGE, Source::Stderr, key).is_ok());
        let waits = process.is_none() || zygote.stderr_heard;
        if waits && zygote.rest.is_empty() {
            let time = if self.young.len() > FEW { LONG_YOUNG_MS } else { YOUNG_MS };
            // None comes before one that began earlier.
            let due = (self.now + time * MS).max(self.young.back().map_or(0, |(due, _)| *due));
            self.young.push_back((due, zygote.key));
        } else {
            let (key, poller) = (zygote.key, &self.poller);
            if !zygote.listen(poller, QUIET) {
                // The kernel has no memory for it now.
                self.young.push_back((self.now + YOUNG_MS * MS, key));
            }
            self.nudge_later(key);
        }
    }

    /// The monotonic time at which the next child is listened to.
    pub fn next_young(&mut self) -> Option<u64> {
        while let Some((due, key)) = self.young.front().copied() {
            if self.pool.find(key).is_some() {
                return Some(due);
            }
            self.young.pop_front();
        }
        None
    }

    /// Listens to the children whose first moment is over.
    pub fn young_due(&mut self) {
        while let Some(due) = self.next_young().filter(|due| *due <= self.now) {
            let (_, key) = match self.young.pop_front() {
                Some(first) => first,
                None => return,
            };
            let zygote = self.pool.find(key).and_then(|index| self.pool.cells[index].as_mut());
            if zygote.map_or(true, |zygote| zygote.listen(&self.poller, QUIET)) {
                self.nudge_later(key);
            } else {
                // The kernel has no memory for it now.
                self.young.push_back((due + YOUNG_MS * MS, key));
            }
        }
    }

    /// A process that nobody heard of yet has printed or closed its standard error: its program runs, or has ended.
    pub fn grow_up(&mut self, key: Key) {
        if self.processes.get(key).map_or(false, |process| process.phase == Phase::Launching) {
            if let Some(index) = self.pool.find_waiter(Waiter::Process(key)) {
                self.settle_zygote(index);
            }
        }
    }

    /// Watches the pipes of a process that lasts.
    pub fn watch_output(&mut self, key: Key) {
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        for (stream, source) in [(Stream::Stdout, Source::Stdout), (Stream::Stderr, Source::Stderr)] {
            let output = &mut process.outputs[stream.index()];
            if output.watched {
                continue;
            }
            if let Some(pipe) = &output.pipe {
                output.watched = true;
                if self.poller.add(pipe, READABLE | EDGE, source, key).is_err() {
                    // Without an event there is still the list of streams to read.
                    self.ready.push((key, stream));
                }
            }
        }
    }
}
