//! The connection as a worker uses it: frames, one after the other, waiting for each.

use super::stop::Stop;
use crate::frame::{self, Kind, HEADER, MAX_PAYLOAD};
use crate::hand_off::MAX_WORKER_REQUEST;
use crate::refusal::{Code, Refusal};
use crate::sys;
use serde_json::Value;
use std::convert::TryInto;
use std::os::unix::io::{AsRawFd, OwnedFd};

/// Seconds in which the other side must take or send something.
pub const MAX_SILENCE_S: i64 = 120;
/// Seconds in which it may take the last frame, when it still sends.
const LINGER_S: i64 = 5;
/// Milliseconds for which a worker that has answered waits for the next request on its connection.
pub const NEXT_MS: i32 = 300;
/// Bytes of one frame of a file's bytes, and of one read of a connection.
pub const CHUNK: usize = 256 * 1024;
/// Bytes behind a payload that are read along with it: most often the next header, and little of what is copied then.
const AHEAD: usize = 4096;

pub struct Channel {
    pub socket: OwnedFd,
    input: Vec<u8>,
    /// What of the input is not used yet.
    at: usize,
    /// Bytes of the frame under way that are still to come.
    left: usize,
    /// The host sends bytes and has not ended them.
    receives: bool,
    /// What is sent with the next frame.
    held: Vec<u8>,
}

fn set_timeouts(socket: &OwnedFd, milliseconds: i64) {
    let time = libc::timeval { tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000 };
    for option in [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO] {
        let size = std::mem::size_of::<libc::timeval>() as libc::socklen_t;
        // SAFETY: the option's value is a timeval of this size.
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&time as *const libc::timeval).cast(), size) };
    }
}

impl Channel {
    /// `input` has come already.
    pub fn new(socket: OwnedFd, input: Vec<u8>) -> Channel {
        // SAFETY: only flags of an owned descriptor change; its other holder has let it go.
        unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFL, 0) };
        set_timeouts(&socket, MAX_SILENCE_S * 1000);
        Channel { socket, input, at: 0, left: 0, receives: false, held: Vec::new() }
    }

    /// What has come and is not used.
    pub fn take_input(&mut self) -> Vec<u8> {
        self.input.split_off(self.at)
    }

    /// Whether all that has come is used.
    pub fn is_empty(&self) -> bool {
        self.at == self.input.len()
    }

    pub fn send(&self, mut bytes: &[u8]) -> Result<(), Stop> {
        while !bytes.is_empty() {
            // SAFETY: the bytes are valid for their length.
            let sent = unsafe { libc::send(self.socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
            match sys::check(sent as libc::c_long) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(libc::EINTR) => {}
                Err(_) => return Err(Stop::Gone),
            }
        }
        Ok(())
    }

    /// Keeps whole frames, which go out in one write with the next JSON.
    pub fn hold(&mut self, frames: Vec<u8>) {
        self.held = frames;
    }

    pub fn send_json(&mut self, kind: Kind, value: &Value) -> Result<(), Stop> {
        let mut out = std::mem::take(&mut self.held);
        frame::encode(kind, value.to_string().as_bytes(), &mut out);
        self.send(&out)
    }

    /// Sends a frame whose payload stands behind room for the header.
    pub fn send_in_place(&self, kind: Kind, frame: &mut [u8]) -> Result<(), Stop> {
        let header = frame::header(kind, frame.len() - HEADER);
        frame[..HEADER].copy_from_slice(&header);
        self.send(frame)
    }

    /// Reads into `target` and, where that is full, up to `ahead` bytes behind the input; what was used of it is gone then.
    fn receive(&mut self, target: &mut [u8], ahead: usize) -> Result<usize, Stop> {
        self.input.drain(..self.at);
        self.at = 0;
        self.input.reserve(ahead);
        let held = self.input.len();
        let parts = [
            libc::iovec { iov_base: target.as_mut_ptr().cast(), iov_len: target.len() },
            libc::iovec { iov_base: self.input.spare_capacity_mut().as_mut_ptr().cast(), iov_len: ahead },
        ];
        let got = loop {
            // SAFETY: the first part is a live slice, the second one is owned capacity, of which there is as much.
            let got = unsafe { libc::readv(self.socket.as_raw_fd(), parts.as_ptr(), parts.len() as libc::c_int) };
            match sys::check(got as libc::c_long) {
                Err(libc::EINTR) => {}
                other => break other,
            }
        };
        match got {
            Ok(0) => Err(Stop::Gone),
            Ok(got) => {
                let taken = got.min(target.len());
                // SAFETY: the kernel has filled as many bytes of the capacity.
                unsafe { self.input.set_len(held + got - taken) };
                Ok(taken)
            }
            Err(libc::EAGAIN) => Err(Refusal::new(Code::Timeout, format!("nothing came in {} s", MAX_SILENCE_S)).into()),
            Err(_) => Err(Stop::Gone),
        }
    }

    /// Goes on to the bytes that the host sends; false at their end.
    fn enter_payload(&mut self) -> Result<bool, Stop> {
        self.expect_data();
        while self.left == 0 {
            let header: [u8; HEADER] = match self.input.get(self.at..self.at + HEADER).and_then(|part| part.try_into().ok()) {
                Some(header) => header,
                None => {
                    self.receive(&mut [], CHUNK)?;
                    continue;
                }
            };
            let length = u32::from_le_bytes([header[1], header[2], header[3], header[4]]) as usize;
            match Kind::from_byte(header[0]) {
                _ if length > MAX_PAYLOAD => return Err(Refusal::new(Code::Protocol, "a frame is too long").into()),
                Some(Kind::Stdin) => self.left = length,
                Some(Kind::StdinClose) => {
                    self.receives = false;
                    return Ok(false);
                }
                Some(Kind::Cancel) => return Err(Refusal::new(Code::Cancelled, "cancelled").into()),
                _ => return Err(Refusal::new(Code::Protocol, "the operation under way has not ended").into()),
            }
            self.at += HEADER;
        }
        Ok(true)
    }

    /// More of the bytes that the host sends; none at their end.
    pub fn next_data(&mut self) -> Result<Option<&[u8]>, Stop> {
        if !self.enter_payload()? {
            return Ok(None);
        }
        if self.is_empty() {
            self.receive(&mut [], CHUNK)?;
        }
        let (from, count) = (self.at, self.left.min(self.input.len() - self.at));
        self.at += count;
        self.left -= count;
        Ok(Some(&self.input[from..from + count]))
    }

    /// The same, put into `target`, without a copy where it can be: how many bytes, 0 at their end.
    pub fn read_data(&mut self, target: &mut [u8]) -> Result<usize, Stop> {
        if !self.enter_payload()? {
            return Ok(0);
        }
        let most = self.left.min(target.len());
        let count = if self.is_empty() {
            self.receive(&mut target[..most], if most == self.left { AHEAD } else { 0 })?
        } else {
            let count = most.min(self.input.len() - self.at);
            target[..count].copy_from_slice(&self.input[self.at..self.at + count]);
            self.at += count;
            count
        };
        self.left -= count;
        Ok(count)
    }

    /// The payload of one more request, where one comes soon. Whatever else comes ends the connection.
    pub fn next_request(&mut self) -> Option<Vec<u8>> {
        if self.is_empty() && !sys::is_readable_within(&self.socket, NEXT_MS) {
            return None;
        }
        loop {
            let held = &self.input[self.at..];
            if let Some(header) = held.get(..HEADER) {
                let length = u32::from_le_bytes([header[1], header[2], header[3], header[4]]) as usize;
                if Kind::from_byte(header[0]) != Some(Kind::File) || length > MAX_WORKER_REQUEST {
                    return None;
                }
                if let Some(payload) = held.get(HEADER..HEADER + length) {
                    let payload = payload.to_vec();
                    self.at += HEADER + length;
                    return Some(payload);
                }
            }
            self.receive(&mut [], MAX_WORKER_REQUEST + HEADER).ok()?;
        }
    }

    /// The host sends bytes from here on, whether they are taken or not.
    pub fn expect_data(&mut self) {
        self.receives = true;
    }

    /// Whether the operation ends before the bytes that the host sends.
    pub fn may_get_more(&self) -> bool {
        self.receives
    }

    /// Waits for the end of the other side, so that what it still sends does not take away what it has to read.
    pub fn linger(self) {
        // SAFETY: only ends the sending half of an owned socket.
        unsafe { libc::shutdown(self.socket.as_raw_fd(), libc::SHUT_WR) };
        set_timeouts(&self.socket, LINGER_S * 1000);
        let end = crate::clock::monotonic() + LINGER_S as u64 * crate::clock::SECOND;
        let mut buffer = vec![0; CHUNK];
        while crate::clock::monotonic() < end {
            match sys::read(&self.socket, &mut buffer) {
                Ok(0) => return,
                Ok(_) | Err(libc::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}
