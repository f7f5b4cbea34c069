//! One connection of a host: what it has sent in part, what it has not yet taken, what it is about.

use crate::frame::{self, Kind};
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
    /// Bytes of its frame that are already sent.
    pub sent: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Before `hello`.
    Unknown,
    Idle,
    /// A start whose process is not there yet.
    Starting(Key),
    Reading(Cursor),
    /// A shutdown under way.
    Shutdown,
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
            starved: false,
            progress: now,
            held_since: None,
            dirty: false,
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
