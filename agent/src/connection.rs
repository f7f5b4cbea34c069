//! One connection of a host: what it has sent in part, what it has not yet taken, what it is about.

use crate::frame::{self, Kind};
use crate::log::LogPlace;
use crate::record::{RecordHeader, Stream};
use crate::replay::Place;
use crate::slab::Key;
use crate::sys;
use serde_json::Value;
use std::os::unix::io::OwnedFd;

/// Most connections at once.
pub const MAX_CONNECTIONS: usize = 1024;
/// Most bytes of a payload before `hello` was accepted.
pub const MAX_HELLO: usize = 4096;

/// A reader's place in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub process: Key,
    /// The next record to send.
    pub next: u64,
    /// Bytes of both streams before it.
    pub before: [u64; 2],
    /// Where it may stand in files.
    pub place: Place,
    /// Bytes of its frame that are already sent.
    pub sent: usize,
    /// The connection of a plain process, which need not wait for files.
    pub own: bool,
}

/// A reader's place in a range of one stream's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranging {
    pub process: Key,
    pub stream: Stream,
    /// Offset of the first byte that is given.
    pub from: u64,
    /// Offset of the next byte to send, and of the end.
    pub at: u64,
    pub end: u64,
    /// The record to look at next, and where it may stand.
    pub next: u64,
    pub place: Place,
    /// Bytes of the frame under way that are already sent.
    pub sent: usize,
}

/// A reader's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogCursor {
    /// The next entry to send.
    pub next: u64,
    pub place: LogPlace,
    /// Goes on with entries to come.
    pub follow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Before `hello`.
    Unknown,
    Idle,
    /// A start whose process is not there yet.
    Starting(Key),
    Reading(Cursor),
    Ranging(Ranging),
    Logging(LogCursor),
    /// A list whose command lines are being read, or that waits for the one before it.
    Listing,
    /// A shutdown under way.
    Shutdown,
    /// About to be given to a worker, which serves the rest of it.
    Leaving(Key),
    /// Refused: only what is unsent still goes out.
    Closing,
}

pub struct Connection {
    pub socket: OwnedFd,
    pub operation: Operation,
    /// The beginning of a frame that is not whole.
    pub input: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    /// The socket took no more; an event will tell.
    pub blocked: bool,
    /// The event is asked for.
    pub watches_room: bool,
    /// The kernel was short of memory: no event tells when to go on.
    pub starved: bool,
    /// Monotonic time at which it last took something.
    pub progress: u64,
    /// Since when small output is held back, to go out together with the end.
    pub held_since: Option<u64>,
    /// In the loop's list of connections to write to.
    pub dirty: bool,
}

impl Connection {
    pub fn new(socket: OwnedFd, now: u64) -> Connection {
        Connection {
            socket,
            operation: Operation::Unknown,
            input: Vec::new(),
            out: Vec::new(),
            sent: 0,
            blocked: false,
            watches_room: false,
            starved: false,
            progress: now,
            held_since: None,
            dirty: false,
        }
    }

    /// The socket, what it has not taken, and what it has sent beyond the last frame.
    pub fn into_parts(self) -> (OwnedFd, Vec<u8>, Vec<u8>) {
        let unsent = self.unsent().to_vec();
        (self.socket, unsent, self.input)
    }

    /// The place in a journal of which it reads records.
    pub fn cursor(&self) -> Option<Cursor> {
        match self.operation {
            Operation::Reading(cursor) => Some(cursor),
            _ => None,
        }
    }

    /// The process it reads in any way, and the oldest record it still needs.
    pub fn position(&self) -> Option<(Key, u64)> {
        match self.operation {
            Operation::Reading(cursor) => Some((cursor.process, cursor.next)),
            Operation::Ranging(ranging) => Some((ranging.process, ranging.next)),
            _ => None,
        }
    }

    /// Puts a control frame behind what is unsent.
    pub fn push_json(&mut self, kind: Kind, value: &Value) {
        let at = self.out.len();
        self.out.extend_from_slice(&[0; frame::HEADER]);
        if serde_json::to_writer(&mut self.out, value).is_ok() {
            let header = frame::header(kind, self.out.len() - at - frame::HEADER);
            self.out[at..at + frame::HEADER].copy_from_slice(&header);
        } else {
            self.out.truncate(at);
        }
    }

    /// Puts a frame whose payload is JSON already behind what is unsent.
    pub fn push_text(&mut self, kind: Kind, json: &[u8]) {
        frame::encode(kind, json, &mut self.out);
    }

    /// Puts a record behind what is unsent.
    pub fn push_record(&mut self, header: &RecordHeader, stream: Stream, bytes: &[u8]) {
        self.out.extend_from_slice(&header.encode(stream, bytes.len()));
        self.out.extend_from_slice(bytes);
    }

    /// Puts the rest of a frame before what is unsent.
    pub fn push_first(&mut self, rest: &[u8]) {
        self.out.splice(..self.sent, rest.iter().copied());
        self.sent = 0;
    }

    pub fn unsent(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    pub fn has_unsent(&self) -> bool {
        self.sent < self.out.len()
    }

    /// Notes that this many unsent bytes are gone.
    pub fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.out.len() {
            self.sent = 0;
            if self.out.capacity() > 8192 {
                self.out = Vec::new();
            } else {
                self.out.clear();
            }
        }
    }

    /// Sends what it can; false where the connection is broken.
    pub fn flush(&mut self, now: u64) -> bool {
        while self.has_unsent() {
            match sys::send(&self.socket, self.unsent()) {
                Ok(count) => {
                    self.progress = now;
                    self.advance(count);
                }
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN) => {
                    self.blocked = true;
                    return true;
                }
                Err(libc::ENOBUFS) | Err(libc::ENOMEM) => {
                    self.blocked = true;
                    self.starved = true;
                    return true;
                }
                Err(_) => return false,
            }
        }
        true
    }
}
