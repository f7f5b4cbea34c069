//! A page shared with the spawner and its children, in which each child says how far it came.
//! It costs no system call, and a child that was killed half-way has said all it could.

use crate::sys::{self, Errno};
use std::sync::atomic::{AtomicI32, Ordering};

/// Children at once that have not yet become a program.
pub const CELLS: usize = 32;

/// What a child was about when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its terminal.
    Terminal,
    User,
    Directory,
    Exec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has not begun: the request may be given to another.
    Waiting,
    /// Its program runs, or it was killed when it was about to.
    Taken,
    Failed(Step, Errno),
}

#[derive(Clone, Copy)]
pub struct Board(*const AtomicI32);

impl Board {
    pub fn new() -> Result<Board, Errno> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping; it is never unmapped.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            Err(sys::errno())
        } else {
            Ok(Board(page as *const AtomicI32))
        }
    }

    fn cell(&self, index: usize) -> &AtomicI32 {
        // SAFETY: a page has room for 1024 cells and lives as long as the process.
        unsafe { &*self.0.add(index % CELLS) }
    }

    pub fn set(&self, index: usize, progress: Progress) {
        let value = match progress {
            Progress::Waiting => 0,
            Progress::Taken => 1,
            Progress::Failed(Step::User, errno) => 0x1_0000 | errno,
            Progress::Failed(Step::Directory, errno) => 0x2_0000 | errno,
            Progress::Failed(Step::Exec, errno) => 0x3_0000 | errno,
            Progress::Failed(Step::Terminal, errno) => 0x4_0000 | errno,
        };
        self.cell(index).store(value, Ordering::SeqCst);
    }

    pub fn get(&self, index: usize) -> Progress {
        let value = self.cell(index).load(Ordering::SeqCst);
        match (value >> 16, value & 0xffff) {
            (0, 0) => Progress::Waiting,
            (0, _) => Progress::Taken,
            (1, errno) => Progress::Failed(Step::User, errno),
            (2, errno) => Progress::Failed(Step::Directory, errno),
            (4, errno) => Progress::Failed(Step::Terminal, errno),
            (_, errno) => Progress::Failed(Step::Exec, errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let board = Board::new().unwrap();
        for progress in [
            Progress::Taken,
            Progress::Failed(Step::Directory, 2),
            Progress::Failed(Step::Exec, 13),
            Progress::Failed(Step::Terminal, 28),
            Progress::Waiting,
        ] {
            board.set(3, progress);
            assert_eq!(board.get(3), progress);
        }
    }
}
