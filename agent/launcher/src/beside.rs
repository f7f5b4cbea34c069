//! Work of a step in a child beside it: for what waits for the disk while other work waits for the processor.

use crate::failure::{During, Failure, Result};
use crate::kernel::{self, Forked};
use std::fs::File;
use std::io::{Read, Write};

pub struct Beside {
    pid: libc::pid_t,
    /// What it failed with, step and message with a NUL between them; nothing when it is done.
    failure: File,
}

/// Begins the work. Whoever begins it must `finish` it, also when something else fails meanwhile: what it makes is not there before.
pub fn begin(work: impl FnOnce() -> Result<()>) -> Result<Beside> {
    let (failure, mut tell) = kernel::pipe()?;
    let parent = kernel::own_pid();
    match kernel::fork(None)? {
        Forked::Child => {
            kernel::die_with(parent);
            let code = match work() {
                Ok(()) => 0,
                Err(Failure { step, message }) => {
                    let _ = tell.write_all(format!("{}\0{}", step, message).as_bytes());
                    1
                }
            };
            kernel::exit_child(code)
        }
        Forked::Parent(pid) => Ok(Beside { pid, failure }),
    }
}

impl Beside {
    pub fn finish(mut self) -> Result<()> {
        let mut said = String::new();
        self.failure.read_to_string(&mut said).during(|| "wait for the work beside".to_string())?;
        if kernel::wait(self.pid)? == 0 {
            return Ok(());
        }
        let (step, message) = said.split_once('\0').unwrap_or(("do the work beside", "it ended without a word"));
        Err(Failure::new(step, message))
    }
}
