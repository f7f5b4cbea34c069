//! The one thread beside the agent's loop: it reads command lines. Those lie in the memory of the processes that they are of, and
//! reading that waits for as long as such a process has its memory locked, which is seconds where its capsule is short of memory. It
//! has a stack of its own, makes its system calls past the C library and allocates nothing, so that the loop may fork beside it.

use crate::procfs::MAX_CMDLINE;
use crate::raw::{call, clone_onto};
use crate::sys::{self, CloneArgs, Errno};
use std::convert::TryInto;
use std::os::unix::io::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a question: the list's number, and a pid.
const QUESTION: usize = 8;
/// Questions that are sent at once.
const BATCH: usize = 512;
/// Bytes of the thread's stack.
const STACK: usize = 16 * 1024;

/// The thread's memory.
#[repr(C, align(4096))]
struct Place {
    stack: [u8; STACK],
    /// The list whose questions are answered; all others are left out.
    wanted: AtomicU32,
    socket: RawFd,
    questions: [u8; BATCH * QUESTION],
    answer: [u8; QUESTION + MAX_CMDLINE],
}

/// The loop's side of it; the thread lasts as long as the agent.
pub struct LineReader {
    pub socket: OwnedFd,
    place: *mut Place,
}

/// A command line as its process has written it; empty where it has none, or cannot be looked at.
pub struct Line<'a> {
    pub list: u32,
    pub pid: i32,
    pub bytes: &'a [u8],
}

impl LineReader {
    /// Makes the thread. Fails where the kernel has no memory or no process number for it.
    pub fn new() -> Result<LineReader, Errno> {
        let (socket, other) = sys::socket_pair(libc::SOCK_SEQPACKET)?;
        sys::set_nonblocking(&socket)?;
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let size = std::mem::size_of::<Place>();
        // SAFETY: a new mapping, whose zeros are valid; no copy of the agent has it.
        let place = unsafe {
            let at = libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0);
            if at == libc::MAP_FAILED {
                return Err(sys::errno());
            }
            libc::madvise(at, size, libc::MADV_DONTFORK);
            at.cast::<Place>()
        };
        // SAFETY: nobody else has the place yet.
        let stack = unsafe {
            (*place).socket = other.as_raw_fd();
            std::ptr::addr_of!((*place).stack)
        };
        let shared = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD | libc::CLONE_SYSVSEM;
        let args = CloneArgs { flags: shared as u64, stack: stack as u64, stack_size: STACK as u64, ..CloneArgs::default() };
        // SAFETY: the place with its stack is the thread's, but for the atomic number.
        match unsafe { clone_onto(&args, &[0, 0], serve, place) } {
            Ok(_) => {
                // The thread's from here on.
                let _ = other.into_raw_fd();
                Ok(LineReader { socket, place })
            }
            Err(errno) => {
                // SAFETY: nobody has it.
                unsafe { libc::munmap(place.cast(), size) };
                Err(errno)
            }
        }
    }

    /// From here on only questions of this list are answered; of none with 0.
    pub fn want(&self, list: u32) {
        // SAFETY: the place is never unmapped.
        unsafe { &(*self.place).wanted }.store(list, Ordering::SeqCst);
    }

    /// Asks for the lines of these processes, of as many as there is room for: how many. They are answered in this order.
    pub fn ask(&self, list: u32, pids: &[i32]) -> usize {
        let mut asked = 0;
        for batch in pids.chunks(BATCH) {
            let questions: Vec<u8> = batch.iter().flat_map(|pid| [list.to_le_bytes(), pid.to_le_bytes()].concat()).collect();
            if sys::send(&self.socket, &questions).is_err() {
                break;
            }
            asked += batch.len();
        }
        asked
    }

    /// The next answer that is there.
    pub fn next<'a>(&self, buffer: &'a mut [u8; QUESTION + MAX_CMDLINE]) -> Option<Line<'a>> {
        let got = sys::read(&self.socket, buffer).ok()?;
        let (head, bytes) = buffer[..got].split_at(QUESTION.min(got));
        let (list, pid) = read_question(head)?;
        Some(Line { list, pid, bytes })
    }

    pub fn buffer() -> [u8; QUESTION + MAX_CMDLINE] {
        [0; QUESTION + MAX_CMDLINE]
    }
}

fn read_question(bytes: &[u8]) -> Option<(u32, i32)> {
    let list = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    Some((list, i32::from_le_bytes(bytes.get(4..QUESTION)?.try_into().ok()?)))
}

/// Where the thread begins. The stack in its place is touched by no name.
extern "C" fn serve(place: *mut Place) -> ! {
    // SAFETY: its own but for the number, which the loop changes as an atomic one.
    let (wanted, socket, questions, answer) =
        unsafe { (&(*place).wanted, (*place).socket as usize, &mut (*place).questions, &mut (*place).answer) };
    loop {
        // SAFETY: the buffer is valid for its length.
        let got = match unsafe { call(libc::SYS_read, [socket, questions.as_mut_ptr() as usize, questions.len(), 0, 0]) } {
            Err(libc::EINTR) => continue,
            Ok(got) if got > 0 => got,
            // The loop has no use for it.
            _ => end(socket),
        };
        for question in questions.get(..got).unwrap_or(&[]).chunks_exact(QUESTION) {
            let (list, pid) = match read_question(question) {
                Some(read) => read,
                None => continue,
            };
            if wanted.load(Ordering::SeqCst) != list {
                continue;
            }
            let (head, line) = answer.split_at_mut(QUESTION);
            head.copy_from_slice(question);
            let length = QUESTION + read_line(pid, line);
            // SAFETY: as above; a line is never longer than its buffer.
            while let Err(libc::EINTR) = unsafe { call(libc::SYS_write, [socket, answer.as_ptr() as usize, length, 0, 0]) } {}
        }
    }
}

/// How many bytes the line has; 0 where there is none to be read.
fn read_line(pid: i32, line: &mut [u8]) -> usize {
    let path = path_of(pid);
    // SAFETY: the path ends in NUL, and the buffer is valid for its length.
    unsafe {
        let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
        let file = match call(libc::SYS_openat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags, 0, 0]) {
            Ok(file) => file,
            Err(_) => return 0,
        };
        let got = call(libc::SYS_read, [file, line.as_mut_ptr() as usize, line.len(), 0, 0]).unwrap_or(0);
        let _ = call(libc::SYS_close, [file, 0, 0, 0, 0]);
        got.min(line.len())
    }
}

/// `/proc/PID/cmdline` with a NUL behind it.
fn path_of(pid: i32) -> [u8; 32] {
    let mut path = [0; 32];
    let mut digits = [0; 10];
    let (mut rest, mut count) = (pid.unsigned_abs(), 0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    let number = digits.iter().skip(digits.len() - count);
    for (to, from) in path.iter_mut().zip(b"/proc/".iter().chain(number).chain(b"/cmdline")) {
        *to = *from;
    }
    path
}

/// Ends this thread.
fn end(socket: usize) -> ! {
    // SAFETY: the descriptor is this thread's own.
    let _ = unsafe { call(libc::SYS_close, [socket, 0, 0, 0, 0]) };
    loop {
        // SAFETY: does not return.
        let _ = unsafe { call(libc::SYS_exit, [0; 5]) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_command_line_is_right_for_every_length_of_a_number() {
        for pid in [1, 10, 4242, 4_194_304, i32::MAX] {
            let path = path_of(pid);
            let wanted = format!("/proc/{}/cmdline\0", pid);
            assert_eq!(&path[..wanted.len()], wanted.as_bytes());
        }
    }

    #[test]
    fn lines_come_in_the_order_of_the_questions_and_only_for_the_list_that_is_wanted() {
        let reader = LineReader::new().unwrap();
        let own = std::process::id() as i32;
        reader.want(7);
        assert_eq!(reader.ask(6, &[own, own]), 2);
        assert_eq!(reader.ask(7, &[own, i32::MAX, own]), 3);
        let mut got = Vec::new();
        while got.len() < 3 {
            let mut polled = libc::pollfd { fd: reader.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, which outlives the call.
            assert_eq!(unsafe { libc::poll(&mut polled, 1, 60_000) }, 1, "nothing came");
            let mut buffer = LineReader::buffer();
            let line = reader.next(&mut buffer).unwrap();
            got.push((line.list, line.pid, line.bytes.to_vec()));
        }
        let mut text = std::fs::read("/proc/self/cmdline").unwrap();
        text.truncate(MAX_CMDLINE);
        assert_eq!(got, [(7, own, text.clone()), (7, i32::MAX, Vec::new()), (7, own, text)]);
    }
}
