//! Output that comes after the end of its process: it is counted and goes nowhere.

use crate::agent::Agent;
use crate::output::Got;
use crate::record::Stream;
use crate::slab::Key;
use crate::sys;
use std::os::unix::io::AsRawFd;

impl Agent {
    /// Reads and counts what comes after the end.
    pub fn discard(&mut self, key: Key, stream: Stream) -> Got {
        let null = self.null.as_raw_fd();
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return Got::Nothing,
        };
        let pipe = match &process.outputs[stream.index()].pipe {
            Some(pipe) => pipe,
            None => return Got::Nothing,
        };
        if process.request.pty.is_some() {
            // A terminal cannot be spliced.
            return match sys::read(pipe, &mut [0; 4096]) {
                Ok(count) if count > 0 => {
                    process.late_bytes += count as u64;
                    Got::Bytes
                }
                Err(libc::EINTR) => Got::Bytes,
                Err(libc::EAGAIN) => Got::Nothing,
                _ => Got::End,
            };
        }
        let pipe = pipe.as_raw_fd();
        let flags = libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE;
        // SAFETY: moves bytes between two descriptors that are open; no memory is touched.
        let moved = unsafe { libc::splice(pipe, std::ptr::null_mut(), null, std::ptr::null_mut(), 1 << 20, flags) };
        match sys::check(moved as libc::c_long) {
            Ok(0) => Got::End,
            Ok(count) => {
                process.late_bytes += count as u64;
                Got::Bytes
            }
            Err(libc::EINTR) => Got::Bytes,
            Err(libc::EAGAIN) => Got::Nothing,
            Err(_) => Got::End,
        }
    }
}
