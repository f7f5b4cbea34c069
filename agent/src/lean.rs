//! A lean child: it shares the spawner's memory until it executes its program, so that no memory is copied
//! for it, and none is taken down again. It has a stack and a place of its own there, makes its system
//! calls past the C library, and allocates nothing, as the spawner goes on beside it. It becomes plain
//! programs only; what takes input, a terminal, another user or long arguments is for a child that is a copy.

use crate::board::{Board, Progress, Step};
use crate::program::{self, Program, PROGRAM};
use crate::raw::{call, clone_onto, exit, Word};
use crate::sys::{CloneArgs, Errno, CLONE_INTO_CGROUP};
use crate::zygote::{SOCKET, UNHEARD};
use std::convert::TryInto;
use std::os::unix::io::RawFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// Bytes of a program, as it is encoded, that a lean child becomes.
pub const LEAN_BYTES: usize = 4096;
/// Arguments and variables that it has, together.
pub const LEAN_STRINGS: usize = 254;
// The agent writes it to a pipe at once, and waits for nothing.
const _: () = assert!(LEAN_BYTES <= libc::PIPE_BUF);
/// Lean children at once that are not yet their program.
pub const PLACES: usize = 16;
/// Bytes of a child's stack.
const STACK: usize = 14 * 1024;

/// What the spawner leaves for a child.
#[derive(Clone, Copy)]
pub struct Task {
    pub board: Board,
    pub cell: usize,
    /// Its socket, standard input, output and error.
    pub fds: [RawFd; 4],
}

/// A child's part of the memory that it shares; in this order most children touch two pages of it.
#[repr(C, align(4096))]
struct Place {
    /// What it is given, and behind that a file that the command may be.
    text: [u8; 2 * LEAN_BYTES],
    stack: [u8; STACK],
    /// The kernel makes it 0 when the child has left this memory.
    taken: AtomicI32,
    task: Task,
    /// Pointers to arguments and variables, each list with its end.
    pointers: [*const u8; LEAN_STRINGS + 2],
}

/// The places of all lean children of a spawner.
pub struct Places(*mut Place);

/// Whether a lean child can become this program.
pub fn suits(program: &Program, encoded: usize) -> bool {
    let is_root = program.uid == 0 && program.gid == 0 && program.groups.is_empty();
    is_root && program.terminal.is_none() && encoded <= LEAN_BYTES && program.args.len() + program.env.len() <= LEAN_STRINGS
}

impl Places {
    /// None where there is no memory for them; they take some only as they are used, and a child that is a copy has none of it.
    pub fn new() -> Option<Places> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
        let size = PLACES * std::mem::size_of::<Place>();
        // SAFETY: a new mapping; it is never unmapped.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            return None;
        }
        // What stands in it of one command is no other child's.
        // SAFETY: of this mapping only.
        unsafe { libc::madvise(at, size, libc::MADV_DONTFORK) };
        Some(Places(at.cast()))
    }

    /// Makes a child of the agent's in its slot, by the spawner's word: its pid. None where no place is free.
    pub fn make(&self, task: Task, slot: RawFd, word: *const Word) -> Option<Result<i32, Errno>> {
        // SAFETY: the mapping has room for as many, and zeros are valid for this field.
        let taken = |index: usize| unsafe { &(*self.0.add(index)).taken };
        let index = (0..PLACES).find(|index| taken(*index).load(Ordering::SeqCst) == 0)?;
        // SAFETY: nobody else is in this place, as the kernel has said.
        let place = unsafe { self.0.add(index) };
        // SAFETY: as above; zeros are valid for what is replaced.
        let stack = unsafe {
            std::ptr::addr_of_mut!((*place).task).write(task);
            std::ptr::addr_of!((*place).stack)
        };
        taken(index).store(1, Ordering::SeqCst);
        let args = CloneArgs {
            flags: (libc::CLONE_VM | libc::CLONE_PARENT | libc::CLONE_CHILD_CLEARTID) as u64 | CLONE_INTO_CGROUP,
            child_tid: taken(index) as *const AtomicI32 as u64,
            stack: stack as u64,
            stack_size: STACK as u64,
            cgroup: slot as u64,
            ..CloneArgs::default()
        };
        // SAFETY: the place with its stack is the child's until the kernel says otherwise.
        let made = unsafe { clone_onto(&args, word, enter, place) };
        if made.is_err() {
            taken(index).store(0, Ordering::SeqCst);
        }
        Some(made)
    }
}

/// Where a child begins.
extern "C" fn enter(place: *mut Place) -> ! {
    // SAFETY: the child's own place, where the spawner has written what is not valid as zeros; the stack in it is touched by no name.
    let (task, text, pointers) = unsafe { (&(*place).task, &mut (*place).text, &mut (*place).pointers) };
    if let Some((step, errno)) = arrange(task.fds).and_then(|()| become_program(task, text, pointers)) {
        task.board.set(task.cell, Progress::Failed(step, errno));
    }
    exit(127)
}

/// Brings the descriptors to their places, closes all others, and leads a session.
fn arrange([socket, stdin, stdout, stderr]: [RawFd; 4]) -> Option<()> {
    // The spawner's own are 3 and 4, so that none lies where another is to go but its socket, which goes.
    let moves = [(stdin, 0, 0), (stdout, 1, 0), (stderr, 2, 0), (socket, SOCKET, libc::O_CLOEXEC)];
    // SAFETY: works on the descriptors of this process only.
    unsafe {
        for (from, to, flags) in moves {
            call(libc::SYS_dup3, [from as usize, to as usize, flags as usize, 0, 0]).ok()?;
        }
        // What a kernel without this call leaves open is closed by the program's beginning.
        let _ = call(libc::SYS_close_range, [SOCKET as usize + 1, u32::MAX as usize, 0, 0, 0]);
        call(libc::SYS_setsid, [0; 5]).ok()?;
    }
    Some(())
}

/// Reads what it is given; how many bytes that is with the four of its length, none when the agent wants nothing from this child.
fn receive(text: &mut [u8]) -> Option<usize> {
    let mut have = 0;
    loop {
        let length = text.get(..4).and_then(|head| head.try_into().ok()).map(u32::from_le_bytes)?;
        if have >= 4 && have >= 4 + length as usize {
            return Some(4 + length as usize);
        }
        let room = text.get_mut(have..LEAN_BYTES).filter(|room| !room.is_empty())?;
        // SAFETY: the buffer is valid for its length.
        match unsafe { call(libc::SYS_read, [SOCKET as usize, room.as_mut_ptr() as usize, room.len(), 0, 0]) } {
            Err(libc::EINTR) => {}
            Ok(got) if got > 0 => have += got,
            _ => return None,
        }
    }
}

/// Returns only when it has failed: at which step and why; none where it was given no program.
fn become_program(task: &Task, text: &mut [u8], pointers: &mut [*const u8; LEAN_STRINGS + 2]) -> Option<(Step, Errno)> {
    let end = receive(text)?;
    let (message, space) = text.split_at_mut(end);
    let (kind, bytes) = message.get(4..)?.split_first()?;
    let mut strings = program::strings(bytes).filter(|_| *kind == PROGRAM)?;
    let (cwd, cmd, path) = (strings.next()?, strings.next()?, strings.next()?);
    let (args, env) = (program::number(bytes, 3)? as usize, program::number(bytes, 4)? as usize);
    // Both lists end in a null pointer, which these places hold as long as nothing is written there.
    let (first, rest) = pointers.split_at_mut(args.min(LEAN_STRINGS) + 1);
    for (list, count) in [(&mut *first, args), (&mut *rest, env)] {
        *list.get_mut(count)? = std::ptr::null();
        for pointer in list.get_mut(..count)? {
            *pointer = strings.next()?.as_ptr();
        }
    }
    // SAFETY: every string ends in NUL, and both lists in a null pointer.
    unsafe {
        if let Err(errno) = call(libc::SYS_chdir, [cwd.as_ptr() as usize, 0, 0, 0, 0]) {
            return Some((Step::Directory, errno));
        }
        let default = [0u64; 4];
        for signal in UNHEARD {
            let _ = call(libc::SYS_rt_sigaction, [signal as usize, default.as_ptr() as usize, 0, 8, 0]);
        }
        task.board.set(task.cell, Progress::Taken);
        let execute = |file: &[u8]| {
            let args = [file.as_ptr() as usize, first.as_ptr() as usize, rest.as_ptr() as usize, 0, 0];
            call(libc::SYS_execve, args).err().unwrap_or(libc::ENOEXEC)
        };
        Some((Step::Exec, program::search(cmd, path, space, execute)))
    }
}
