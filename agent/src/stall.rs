//! Readers that take nothing: how long they may hold a process up, and their last words.

use crate::agent::Agent;
use crate::clock::{MS, SECOND};
use crate::connection::Operation;
use crate::frame::Kind;
use crate::output::{CAPSULE_JOURNALS, MAX_STALL_S};
use crate::record::RecordHeader;
use crate::refusal::{Code, Refusal};
use crate::replay::replay;
use crate::send::pieces_of;
use crate::slab::Key;
use crate::timers::Timer;

/// Seconds that a refused connection has to take what it is told.
const LAST_WORDS_S: u64 = 60;

impl Agent {
    /// Closes readers that have held a paced process up for too long.
    pub fn check_stall(&mut self, key: Key) {
        let since = match self.processes.get_mut(key) {
            Some(process) => {
                process.pace_timer = process.paced_since.is_some();
                process.paced_since
            }
            None => None,
        };
        let since = match since {
            Some(since) => since,
            None => return,
        };
        let stall = MAX_STALL_S * SECOND;
        let mut next = self.now + stall;
        let full = self.journal_bytes >= CAPSULE_JOURNALS || self.disk.bytes + self.disk.bounds.capsule / 64 >= self.disk.bounds.capsule;
        for reader in self.connections.keys() {
            let found = self.connections.get(reader).and_then(|one| Some((one.position()?, one.progress.max(since))));
            let ((process, position), progress) = match found {
                Some(found) => found,
                None => continue,
            };
            let pins =
                self.processes.get(process).map_or(false, |one| position < one.journal.oldest_end() && position < one.journal.next_seq());
            // Only this process's readers hold it up, unless what all journals may have is full.
            if !pins || (process != key && !full) {
                continue;
            }
            if self.now >= progress + stall {
                let message = format!("nothing was taken for {} s", MAX_STALL_S);
                self.refuse_and_close(reader, Refusal::new(Code::SlowConsumer, message));
            } else {
                next = next.min(progress + stall);
            }
        }
        self.eased = true;
        let wait = next.saturating_sub(self.now).max(10 * MS);
        self.timers.at_unfrozen(self.unfrozen() + wait, Timer::Pace(key));
    }

    /// Copies the rest of a record that was sent in part, because its journal will not be read
    /// again; false where that cannot be done any more.
    fn finish_record(&mut self, key: Key) -> bool {
        let connection = match self.connections.get_mut(key) {
            Some(connection) => connection,
            None => return true,
        };
        let cursor = match connection.operation {
            Operation::Reading(cursor) if cursor.sent > 0 => cursor,
            Operation::Ranging(ranging) => return ranging.sent == 0,
            _ => return true,
        };
        let process = match self.processes.get(cursor.process) {
            Some(process) => process,
            None => return false,
        };
        let frame = |header: &RecordHeader, stream, bytes: &[u8]| {
            let mut frame = header.encode(stream, bytes.len()).to_vec();
            frame.extend_from_slice(bytes);
            frame
        };
        let in_memory = process.journal.read_from(cursor.next).next().filter(|record| record.header.seq == cursor.next);
        let found = match (in_memory, &self.disk.control) {
            (Some(record), _) => Some(frame(&record.header, record.stream, &record.bytes)),
            (None, Some(control)) => {
                let mut buffer = Vec::new();
                let found = replay(control, &process.request.id, &process.journal, cursor.next, cursor.place, &mut buffer);
                let first = pieces_of(&found, &buffer).into_iter().next().filter(|piece| piece.header.seq == cursor.next);
                first.map(|piece| frame(&piece.header, piece.stream, piece.bytes))
            }
            (None, None) => None,
        };
        if let Some(frame) = &found {
            connection.push_first(frame.get(cursor.sent..).unwrap_or(&[]));
        }
        found.is_some()
    }

    /// Ends a connection with its reason; what is unsent may still be taken for a while.
    pub fn refuse_and_close(&mut self, key: Key, refusal: Refusal) {
        if !self.finish_record(key) {
            // Nothing else can follow half a frame.
            return self.close_connection(key);
        }
        self.leave_operation(key);
        let due = self.now + LAST_WORDS_S * SECOND;
        if let Some(connection) = self.connections.get_mut(key) {
            connection.push_json(Kind::Error, &refusal.to_json());
            connection.operation = Operation::Closing;
            connection.held_since = None;
            connection.input = Vec::new();
            self.timers.at_real(due, Timer::Linger(key));
            self.mark_dirty(key);
        }
    }
}
