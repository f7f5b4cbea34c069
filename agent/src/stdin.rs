//! What a host sends to a process's standard input: a bounded queue before a pipe.

use crate::slab::Key;
use crate::sys;
use std::collections::VecDeque;
use std::os::unix::io::OwnedFd;

/// Most bytes that wait for one process.
pub const MAX_STDIN: usize = 1 << 20;
/// Most bytes that wait for all processes of the capsule.
pub const MAX_ALL_STDIN: usize = 16 << 20;

pub struct Stdin {
    pipe: Option<OwnedFd>,
    queue: VecDeque<(Key, Vec<u8>)>,
    queued: usize,
    /// Bytes of the first in the queue that are already in the pipe.
    taken: usize,
    closing: bool,
}

impl Stdin {
    /// `pipe` is the write end and does not block.
    pub fn new(pipe: OwnedFd) -> Stdin {
        Stdin { pipe: Some(pipe), queue: VecDeque::new(), queued: 0, taken: 0, closing: false }
    }

    pub fn pipe(&self) -> Option<&OwnedFd> {
        self.pipe.as_ref()
    }

    /// Takes bytes from a connection; false where they are too many.
    pub fn push(&mut self, from: Key, bytes: &[u8]) -> bool {
        if self.queued + bytes.len() > MAX_STDIN {
            return false;
        }
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.queue.push_back((from, bytes.to_vec()));
        }
        true
    }

    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Closes the pipe after what is queued.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Moves what the pipe takes; gives the bytes that each connection may send again. What a
    /// process that has closed its input will never read counts as taken.
    pub fn pump(&mut self) -> Vec<(Key, usize)> {
        let mut room: Vec<(Key, usize)> = Vec::new();
        while let Some((from, bytes)) = self.queue.front() {
            let from = *from;
            let rest = &bytes[self.taken..];
            let result = self.pipe.as_ref().map_or(Err(libc::EPIPE), |pipe| sys::write(pipe, rest));
            let count = match result {
                Ok(count) => count,
                Err(libc::EAGAIN) => break,
                Err(libc::EINTR) => continue,
                Err(_) => {
                    self.pipe = None;
                    rest.len()
                }
            };
            self.taken += count;
            self.queued -= count;
            match room.last_mut() {
                Some((key, sum)) if *key == from => *sum += count,
                _ => room.push((from, count)),
            }
            if self.taken == bytes.len() {
                self.queue.pop_front();
                self.taken = 0;
            }
        }
        if self.closing && self.queue.is_empty() {
            self.pipe = None;
        }
        room
    }
}
