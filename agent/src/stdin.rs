//! What a host sends to a process's standard input: a bounded queue before a pipe or a terminal.

use crate::slab::Key;
use crate::sys;
use crate::terminal::end_of_input;
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::os::unix::io::OwnedFd;

/// Most bytes that wait for one process.
pub const MAX_STDIN: usize = 1 << 20;
/// Most bytes that wait for all processes of the capsule.
pub const MAX_ALL_STDIN: usize = 16 << 20;

pub struct Stdin {
    pipe: Option<OwnedFd>,
    /// The process runs: nothing is given to a child before that, as it may still be replaced.
    open: bool,
    is_terminal: bool,
    /// Events tell when the pipe takes more.
    heard: bool,
    /// What is typed for the end of a terminal's input is an entry of nobody's, and empty until its turn.
    queue: VecDeque<(Option<Key>, Vec<u8>)>,
    queued: usize,
    /// Bytes that came from hosts in all.
    received: u64,
    /// Bytes of the first in the queue that are already in the pipe.
    taken: usize,
    closing: bool,
    /// The latest byte was not the end of a line.
    in_line: bool,
    /// A timer tries again.
    pub retries: bool,
    /// Connections that say where their bytes belong: each is told how far the input is taken.
    pub placing: Vec<Key>,
}

/// What became of bytes that were sent with their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Some are new, and wait or are in the pipe.
    Taken,
    /// All of them have come before.
    Known,
    /// Too many wait.
    Full,
    /// Bytes before them have not come.
    Gap,
}

impl Stdin {
    /// A queue whose process is not there yet.
    pub fn new(is_terminal: bool) -> Stdin {
        Stdin {
            pipe: None,
            open: false,
            is_terminal,
            heard: true,
            queue: VecDeque::new(),
            queued: 0,
            received: 0,
            taken: 0,
            closing: false,
            in_line: false,
            retries: false,
            placing: Vec::new(),
        }
    }

    /// Keeps the write end of the process that is to be, which does not block.
    pub fn set_pipe(&mut self, pipe: Option<OwnedFd>) {
        self.pipe = pipe;
    }

    /// The process runs.
    pub fn open(&mut self) {
        self.open = true;
    }

    /// Whether events tell when the pipe takes more; the kernel may have had no memory for that.
    pub fn set_heard(&mut self, heard: bool) {
        self.heard = heard;
    }

    /// Whether no more is taken and no timer tries again yet, where events may miss that it is: a terminal's do.
    pub fn is_stuck(&mut self) -> bool {
        let stuck = (self.is_terminal || !self.heard) && self.pipe.is_some() && self.open && !self.queue.is_empty();
        stuck && !std::mem::replace(&mut self.retries, true)
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
            self.received += bytes.len() as u64;
            self.queue.push_back((Some(from), bytes.to_vec()));
        }
        true
    }

    /// Takes bytes that begin at this place of all the input; those that have come before are left out, whoever sent them.
    pub fn place(&mut self, from: Key, at: u64, bytes: &[u8]) -> Placed {
        if !self.placing.contains(&from) {
            self.placing.push(from);
        }
        if at > self.received {
            return Placed::Gap;
        }
        let known = (self.received - at).min(bytes.len() as u64) as usize;
        let new = &bytes[known..];
        if new.is_empty() {
            Placed::Known
        } else if self.push(from, new) {
            Placed::Taken
        } else {
            Placed::Full
        }
    }

    /// Bytes that came from hosts in all.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of them that do not wait any more.
    pub fn taken(&self) -> u64 {
        self.received - self.queued as u64
    }

    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// What a host needs to go on where an earlier one has stopped; none for a terminal, into which many type.
    pub fn to_json(&self) -> Option<Value> {
        if self.is_terminal {
            return None;
        }
        Some(json!({"bytes": self.received, "queued": self.queued, "closed": self.closing, "at": true}))
    }

    /// Closes the pipe after what is queued; for a terminal the end of input is typed, and it goes on.
    pub fn close(&mut self) {
        if self.is_terminal {
            self.queue.push_back((None, Vec::new()));
        } else {
            self.closing = true;
        }
    }

    /// Moves what the pipe takes; gives the bytes that each connection may send again. What a
    /// process that has closed its input will never read counts as taken.
    pub fn pump(&mut self) -> Vec<(Key, usize)> {
        let mut room: Vec<(Key, usize)> = Vec::new();
        if !self.open {
            return room;
        }
        while let Some((from, bytes)) = self.queue.front_mut() {
            let from = *from;
            if bytes.is_empty() {
                *bytes = self.pipe.as_ref().map_or(vec![0], |master| end_of_input(master, self.in_line));
            }
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
            self.in_line = count > 0 && rest[count - 1] != b'\n' && rest[count - 1] != b'\r' && from.is_some();
            self.taken += count;
            if let Some(from) = from {
                self.queued -= count;
                match room.last_mut() {
                    Some((key, sum)) if *key == from => *sum += count,
                    _ => room.push((from, count)),
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The process reads from the second half.
    fn running(heard: bool) -> (Stdin, OwnedFd) {
        let (reader, writer) = sys::pipe().expect("a pipe");
        sys::set_nonblocking(&writer).expect("no blocking");
        let mut stdin = Stdin::new(false);
        stdin.set_pipe(Some(writer));
        stdin.open();
        stdin.set_heard(heard);
        (stdin, reader)
    }

    /// Fills the pipe, and gives how many bytes of what was pushed wait.
    fn overfill(stdin: &mut Stdin) -> usize {
        let from = Key { index: 0, generation: 1 };
        assert!(stdin.push(from, &vec![b'x'; MAX_STDIN]));
        stdin.pump();
        assert!(stdin.queued() > 0, "a pipe takes less than {} bytes", MAX_STDIN);
        stdin.queued()
    }

    #[test]
    fn a_pipe_of_which_no_event_tells_is_tried_again_until_it_has_taken_all() {
        let (mut stdin, reader) = running(false);
        let mut waits = overfill(&mut stdin);
        let mut buffer = vec![0; MAX_STDIN];
        while waits > 0 {
            assert!(stdin.is_stuck(), "a timer is to try again");
            assert!(!stdin.is_stuck(), "and one is enough");
            stdin.retries = false;
            assert!(sys::read(&reader, &mut buffer).expect("what was taken") > 0);
            stdin.pump();
            assert!(stdin.queued() < waits);
            waits = stdin.queued();
        }
        assert!(!stdin.is_stuck());
    }

    #[test]
    fn a_pipe_whose_events_tell_needs_no_timer() {
        let (mut stdin, _reader) = running(true);
        overfill(&mut stdin);
        assert!(!stdin.is_stuck());
    }
}
