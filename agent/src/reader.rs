//! What a connection is to get next, and when.

use crate::agent::Agent;
use crate::clock::MS;
use crate::connection::Operation;
use crate::frame::Kind;
use crate::poller::{Source, FULL};
use crate::process::Process;
use crate::slab::Key;
use crate::timers::Timer;

/// Writes to one connection in one turn of the loop.
const TURN: usize = 8;
/// Milliseconds that the first output of a foreground process waits for its end, to be one write with it.
const HOLD_MS: u64 = 2;
/// Bytes that do not wait for it.
const HOLD_BYTES: usize = 16 * 1024;
/// Milliseconds until a write is tried again for which the kernel had no memory.
const STARVED_MS: u64 = 20;

/// What a connection is to get next.
enum Next {
    Records,
    Exit,
    Range,
    Entries,
    Nothing,
}

impl Agent {
    /// Writes what there is for this connection, as far as its socket and its turn go.
    pub fn pump(&mut self, key: Key) {
        if self.is_held(key) {
            return;
        }
        for _ in 0..TURN {
            self.write_before_showing(key);
            let now = self.now;
            let failing = self.disk.is_failing(now);
            let connection = match self.connections.get_mut(key) {
                Some(connection) => connection,
                None => return,
            };
            if connection.blocked {
                if !connection.watches_room {
                    connection.watches_room = self.poller.change(&connection.socket, FULL, Source::Connection, key).is_ok();
                }
                if std::mem::take(&mut connection.starved) || !connection.watches_room {
                    self.timers.at_real(now + STARVED_MS * MS, Timer::Unblock(key));
                }
                return;
            }
            self.join_records(key);
            let connection = match self.connections.get_mut(key) {
                Some(connection) => connection,
                None => return,
            };
            let unsent = connection.has_unsent();
            // A record of which a part is sent comes before all else.
            let begun = match connection.operation {
                Operation::Reading(cursor) => cursor.sent > 0,
                Operation::Ranging(ranging) => ranging.sent > 0,
                _ => false,
            };
            if unsent && !begun {
                if !connection.flush(now) {
                    return self.close_connection(key);
                }
                if connection.blocked {
                    continue;
                }
            }
            let next = match connection.operation {
                Operation::Reading(cursor) => match self.processes.get(cursor.process) {
                    Some(process) if cursor.next < process.visible(cursor.own, failing) => Next::Records,
                    Some(process) if process.is_ended() && cursor.next >= process.journal.next_seq() => Next::Exit,
                    _ => Next::Nothing,
                },
                Operation::Ranging(_) => Next::Range,
                Operation::Logging(cursor) if cursor.next < self.log.next() || !cursor.follow => Next::Entries,
                _ => Next::Nothing,
            };
            let going = match next {
                Next::Records => self.send_records(key),
                Next::Range => self.send_range(key),
                Next::Entries => {
                    self.send_entries(key);
                    true
                }
                Next::Exit => {
                    self.push_exit(key);
                    true
                }
                Next::Nothing => {
                    if connection.operation == Operation::Closing {
                        self.close_connection(key);
                    }
                    return;
                }
            };
            if !going {
                return self.close_connection(key);
            }
        }
        self.behind.push(key);
    }

    /// Writes to files what a reader is about to be shown and what only a process's own connection
    /// may see before.
    fn write_before_showing(&mut self, key: Key) {
        let cursor = self.connections.get(key).filter(|connection| !connection.blocked).and_then(|connection| connection.cursor());
        let wanted = |process: &Process, next: u64| !process.journal.is_written() && next >= process.journal.written();
        if let Some(cursor) = cursor.filter(|cursor| !cursor.own) {
            let ended = self.processes.get(cursor.process).filter(|process| wanted(process, cursor.next)).map(Process::is_ended);
            if let Some(ended) = ended {
                self.spill(cursor.process, ended);
            }
        }
    }

    /// Whether little output is held back for a moment, because the end is likely to follow.
    fn is_held(&mut self, key: Key) -> bool {
        let (connection, now) = match self.connections.get_mut(key) {
            Some(connection) => (connection, self.now),
            None => return true,
        };
        let (since, cursor) = match (connection.held_since, connection.cursor()) {
            (Some(since), Some(cursor)) => (since, cursor),
            _ => return false,
        };
        let process = self.processes.get(cursor.process).filter(|process| !process.is_ended());
        let small = process.map_or(false, |process| process.journal.cost() < HOLD_BYTES);
        if !small || now >= since + HOLD_MS * MS {
            connection.held_since = None;
            return false;
        }
        if now == since {
            self.timers.at_real(since + HOLD_MS * MS, Timer::Flush(key));
        }
        true
    }

    /// Puts the end behind what is unsent: the last of its operation.
    pub fn push_exit(&mut self, key: Key) {
        let cursor = match self.connections.get(key).and_then(|connection| connection.cursor()) {
            Some(cursor) => cursor,
            None => return,
        };
        let exit = match self.processes.get_mut(cursor.process) {
            Some(process) => {
                process.readers.retain(|reader| *reader != key);
                process.exit_json()
            }
            None => None,
        };
        if let (Some(connection), Some(exit)) = (self.connections.get_mut(key), exit) {
            connection.push_json(Kind::Exit, &exit);
            connection.operation = Operation::Idle;
            connection.held_since = None;
        }
        self.reader_left(cursor.process);
    }

    /// One reader of a process less.
    pub fn reader_left(&mut self, process: Key) {
        self.eased = true;
        if !self.is_retained(process) {
            self.forget(process);
        }
    }
}
