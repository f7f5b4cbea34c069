//! Connections as they come, their frames, and their ends.

use crate::agent::{Agent, READ_SIZE};
use crate::clock::SECOND;
use crate::connection::{Connection, Operation, MAX_CONNECTIONS, MAX_HELLO};
use crate::frame::{self, FrameError, Kind, MAX_PAYLOAD};
use crate::op;
use crate::poller::{Source, QUIET};
use crate::refusal::{Code, Refusal};
use crate::slab::Key;
use crate::sys;
use crate::timers::Timer;

/// Seconds in which `hello` must come.
pub const MAX_HELLO_S: u64 = 10;
/// Connections taken in one turn of the loop.
const TURN: usize = 64;
/// Reads of one connection in one turn.
const READS: usize = 8;

impl Agent {
    /// Takes new connections.
    pub fn accept(&mut self) {
        for _ in 0..TURN {
            match sys::accept(&self.listener) {
                Ok(socket) => self.admit(socket),
                Err(libc::EMFILE) | Err(libc::ENFILE) => {
                    // Without a descriptor to take it with, it would wait and wake the loop for ever.
                    self.spare = None;
                    drop(sys::accept(&self.listener));
                    self.spare = sys::duplicate(&self.null).ok();
                    return;
                }
                Err(libc::EINTR) | Err(libc::ECONNABORTED) => {}
                Err(_) => return,
            }
        }
    }

    fn admit(&mut self, socket: std::os::unix::io::OwnedFd) {
        let from_inside = sys::peer_pid(&socket).map_or(true, |pid| pid != 0);
        if from_inside || self.connections.len() + self.workers.len() >= MAX_CONNECTIONS {
            return;
        }
        let key = self.connections.insert(Connection::new(socket, self.now));
        let watched = self.connections.get(key).map_or(false, |one| self.poller.add(&one.socket, QUIET, Source::Connection, key).is_ok());
        if !watched {
            self.connections.remove(key);
            return;
        }
        self.timers.at_real(self.now + MAX_HELLO_S * SECOND, Timer::Hello(key));
    }

    /// Reads and carries out what a connection has sent. Where its end is known to be there too,
    /// no event tells of it again.
    pub fn read_connection(&mut self, key: Key, to_end: bool) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.reserve_exact(READ_SIZE);
        for turn in 0.. {
            if turn == READS {
                self.unread.push((key, to_end));
                break;
            }
            let result = match self.connections.get(key) {
                // What comes now is for its worker.
                Some(Connection { operation: Operation::Leaving(_), .. }) | None => break,
                Some(connection) => sys::read_into(&connection.socket, &mut scratch, READ_SIZE),
            };
            match result {
                Ok(0) => {
                    self.close_connection(key);
                    break;
                }
                Ok(got) => {
                    self.on_bytes(key, &scratch);
                    if got < READ_SIZE && !to_end {
                        break;
                    }
                }
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN) => break,
                Err(_) => {
                    self.close_connection(key);
                    break;
                }
            }
        }
        scratch.clear();
        self.scratch = scratch;
        if let Some(Operation::Leaving(worker)) = self.connections.get(key).map(|one| one.operation) {
            self.give_away(key, worker);
        }
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8]) {
        let mut joined = match self.connections.get_mut(key) {
            Some(connection) => std::mem::take(&mut connection.input),
            None => return,
        };
        let rest = if joined.is_empty() {
            self.on_frames(key, bytes).to_vec()
        } else {
            joined.extend_from_slice(bytes);
            let left = self.on_frames(key, &joined).len();
            joined.drain(..joined.len() - left);
            joined
        };
        if let Some(connection) = self.connections.get_mut(key) {
            // An empty one would keep the memory of the longest frame there was.
            if connection.operation != Operation::Closing && !rest.is_empty() {
                connection.input = rest;
            }
        }
    }

    /// Carries out whole frames; gives what is left.
    fn on_frames<'a>(&mut self, key: Key, bytes: &'a [u8]) -> &'a [u8] {
        let mut left = bytes;
        loop {
            let limit = match self.connections.get(key).map(|one| one.operation) {
                None | Some(Operation::Closing) => return &[],
                Some(Operation::Leaving(_)) => return left,
                Some(Operation::Unknown) => MAX_HELLO,
                Some(_) => MAX_PAYLOAD,
            };
            match frame::decode(left, limit) {
                Ok(None) => return left,
                Ok(Some(frame)) => {
                    let size = frame.size();
                    self.on_frame(key, frame.kind, frame.payload);
                    left = &left[size..];
                }
                Err(error) => {
                    let message = match error {
                        FrameError::UnknownType(kind) => format!("unknown frame type {}", kind),
                        FrameError::TooLong(length) => format!("a frame of {} bytes is too long", length),
                    };
                    self.refuse_and_close(key, Refusal::new(Code::Protocol, message));
                    return &[];
                }
            }
        }
    }

    fn on_frame(&mut self, key: Key, kind: Kind, payload: &[u8]) {
        let operation = match self.connections.get(key) {
            Some(connection) => connection.operation,
            None => return,
        };
        match (operation, kind) {
            (Operation::Closing, _) => {}
            (Operation::Unknown, Kind::Hello) => op::hello::run(self, key, payload),
            (Operation::Unknown, _) => self.protocol_error(key, "hello comes first"),
            (_, Kind::Stdin) => op::stdin::data(self, key, operation, payload),
            (_, Kind::StdinAt) => op::stdin::data_at(self, key, operation, payload),
            (_, Kind::StdinClose) => op::stdin::close(self, key, operation, payload),
            (_, Kind::Resize) => op::resize::run(self, key, operation, payload),
            (_, Kind::Cancel) => op::cancel::run(self, key, operation, payload),
            (Operation::Idle, _) => op::begin(self, key, kind, payload),
            (_, _) => self.protocol_error(key, "the operation under way has not ended"),
        }
    }

    pub fn protocol_error(&mut self, key: Key, message: &str) {
        self.refuse_and_close(key, Refusal::new(Code::Protocol, message));
    }

    /// The host has closed the connection, or it is broken: what that means for its process is the
    /// process's `on_disconnect`.
    pub fn close_connection(&mut self, key: Key) {
        self.leave_operation(key);
        self.connections.remove(key);
    }

    /// Takes a connection out of what it is about, without ending that.
    pub fn leave_operation(&mut self, key: Key) {
        let operation = match self.connections.get_mut(key) {
            Some(connection) => std::mem::replace(&mut connection.operation, Operation::Closing),
            None => return,
        };
        let process = match operation {
            Operation::Starting(process) => process,
            Operation::Reading(cursor) => cursor.process,
            Operation::Ranging(ranging) => ranging.process,
            Operation::Logging(_) => return self.followers.retain(|follower| *follower != key),
            Operation::Listing => return self.lists.forget(key),
            Operation::Shutdown => {
                if let Some(shutdown) = &mut self.shutdown {
                    shutdown.waiting.retain(|one| *one != key);
                }
                return;
            }
            Operation::Leaving(worker) => return drop(self.drop_worker(worker)),
            Operation::Unknown | Operation::Idle | Operation::Closing => return,
        };
        let mut owned = false;
        if let Some(process) = self.processes.get_mut(process) {
            process.readers.retain(|reader| *reader != key);
            process.repeats.retain(|(repeat, _)| *repeat != key);
            owned = process.owner == Some(key);
            if owned {
                process.owner = None;
            }
        }
        if owned {
            self.owner_left(process);
        }
        self.reader_left(process);
    }

    /// Times out a connection that says nothing or takes nothing.
    pub fn connection_due(&mut self, key: Key, in_operation: Operation) {
        if self.connections.get(key).map_or(false, |one| one.operation == in_operation) {
            self.close_connection(key);
        }
    }
}
