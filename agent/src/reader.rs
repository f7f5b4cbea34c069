//! From a journal to a connection: straight from the records' memory into the socket.

use crate::agent::Agent;
use crate::clock::{MS, SECOND};
use crate::connection::{Connection, Cursor, Operation};
use crate::frame::Kind;
use crate::journal::Record;
use crate::output::MAX_STALL_S;
use crate::process::Process;
use crate::record::{RecordHeader, RECORD_FRAME_HEADER};
use crate::refusal::{Code, Refusal};
use crate::slab::Key;
use crate::sys;
use crate::timers::Timer;

/// Records in one write.
const BATCH: usize = 16;
/// Bytes of records in one write.
const BATCH_BYTES: usize = 512 * 1024;
/// Milliseconds that the first output of a foreground process waits for its end, to be one write with it.
const HOLD_MS: u64 = 2;
/// Bytes that do not wait for it.
const HOLD_BYTES: usize = 16 * 1024;
/// Milliseconds until a write is tried again for which the kernel had no memory.
const STARVED_MS: u64 = 20;
/// Seconds that a refused connection has to take what it is told.
const LAST_WORDS_S: u64 = 60;

/// What a connection is to get next.
enum Next {
    Records,
    Exit,
    Nothing,
}

impl Connection {
    pub fn cursor(&self) -> Option<Cursor> {
        match self.operation {
            Operation::Reading(cursor) => Some(cursor),
            _ => None,
        }
    }
}

impl Agent {
    /// Writes what there is for this connection, as far as its socket takes it.
    pub fn pump(&mut self, key: Key) {
        if self.is_held(key) {
            return;
        }
        loop {
            let now = self.now;
            let connection = match self.connections.get_mut(key) {
                Some(connection) => connection,
                None => return,
            };
            if connection.blocked {
                if std::mem::take(&mut connection.starved) {
                    self.timers.at_real(now + STARVED_MS * MS, Timer::Unblock(key));
                }
                return;
            }
            let unsent = connection.has_unsent();
            let next = match connection.cursor() {
                Some(cursor) => match self.processes.get(cursor.process) {
                    Some(process) => Agent::next_for(process, cursor),
                    None => Next::Nothing,
                },
                None => Next::Nothing,
            };
            match next {
                Next::Records => {
                    // A record of which a part is sent comes before all else.
                    let begun = connection.cursor().map_or(false, |cursor| cursor.sent > 0);
                    let going = if unsent && !begun { connection.flush(now) } else { self.send_records(key) };
                    if !going {
                        return self.close_connection(key);
                    }
                }
                Next::Exit => self.send_exit(key),
                Next::Nothing => {
                    if unsent && !connection.flush(now) {
                        return self.close_connection(key);
                    }
                    if connection.operation == Operation::Closing && !connection.has_unsent() {
                        self.close_connection(key);
                    }
                    return;
                }
            }
        }
    }

    fn next_for(process: &Process, cursor: Cursor) -> Next {
        if cursor.next < process.journal.next_seq() && !process.journal.is_empty() {
            Next::Records
        } else if process.is_ended() {
            Next::Exit
        } else {
            Next::Nothing
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

    /// Sends records from the journal's own memory. False where the connection is broken.
    fn send_records(&mut self, key: Key) -> bool {
        let (now, unfrozen) = (self.now, self.unfrozen());
        let (connection, process) = match self.connections.get_mut(key) {
            Some(connection) => match connection.cursor().and_then(|cursor| self.processes.get(cursor.process)) {
                Some(process) => (connection, process),
                None => return true,
            },
            None => return true,
        };
        let mut cursor = match connection.cursor() {
            Some(cursor) => cursor,
            None => return true,
        };
        let mut size = 0;
        let most = if connection.has_unsent() { 1 } else { BATCH };
        let records: Vec<&Record> = process.journal.read_from(cursor.next).take(most)
            .take_while(|record| {
                let first = size == 0;
                size += record.bytes.len();
                first || size <= BATCH_BYTES
            }).collect();
        let headers: Vec<[u8; RECORD_FRAME_HEADER]> =
            records.iter().map(|record| RecordHeader::encode(&record.header, record.stream, record.bytes.len())).collect();
        let mut skip = cursor.sent;
        let mut parts: Vec<libc::iovec> = Vec::with_capacity(2 * records.len());
        for piece in records.iter().zip(&headers).flat_map(|(record, head)| [&head[..], &record.bytes[..]]) {
            parts.push(sys::iovec(&piece[skip.min(piece.len())..]));
            skip = skip.saturating_sub(piece.len());
        }
        let mut sent = match sys::writev(&connection.socket, &parts) {
            Ok(sent) => sent,
            Err(libc::EINTR) => return true,
            Err(errno @ libc::EAGAIN) | Err(errno @ libc::ENOBUFS) | Err(errno @ libc::ENOMEM) => {
                connection.blocked = true;
                connection.starved = errno != libc::EAGAIN;
                return true;
            }
            Err(_) => return false,
        };
        connection.progress = now;
        sent += cursor.sent;
        cursor.sent = 0;
        for (record, head) in records.iter().zip(&headers) {
            let whole = head.len() + record.bytes.len();
            if sent < whole {
                cursor.sent = sent;
                break;
            }
            cursor.next = record.header.seq + 1;
            sent -= whole;
        }
        connection.operation = Operation::Reading(cursor);
        self.last_activity = unfrozen;
        self.eased = true;
        true
    }

    fn send_exit(&mut self, key: Key) {
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
        for reader in self.connections.keys() {
            let (cursor, progress) = match self.connections.get(reader) {
                Some(connection) => match connection.cursor() {
                    Some(cursor) => (cursor, connection.progress.max(since)),
                    None => continue,
                },
                None => continue,
            };
            let behind = self.processes.get(cursor.process).map_or(false, |process| cursor.next < process.journal.next_seq());
            // Only this process's readers hold it up, unless the memory of all journals is what is full.
            let in_the_way = cursor.process == key || self.journal_bytes >= crate::output::CAPSULE_JOURNALS;
            if !behind || !in_the_way {
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

    /// Copies the rest of a record that was sent in part, because its journal will not be read again.
    fn finish_record(&mut self, key: Key) {
        let connection = match self.connections.get_mut(key) {
            Some(connection) => connection,
            None => return,
        };
        let cursor = match connection.cursor() {
            Some(cursor) if cursor.sent > 0 => cursor,
            _ => return,
        };
        let record = self.processes.get(cursor.process).and_then(|process| process.journal.read_from(cursor.next).next());
        if let Some(record) = record {
            let mut frame = RecordHeader::encode(&record.header, record.stream, record.bytes.len()).to_vec();
            frame.extend_from_slice(&record.bytes);
            connection.push_first(frame.get(cursor.sent..).unwrap_or(&[]));
        }
    }

    /// Ends a connection with its reason; what is unsent may still be taken for a while.
    pub fn refuse_and_close(&mut self, key: Key, refusal: Refusal) {
        self.finish_record(key);
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
