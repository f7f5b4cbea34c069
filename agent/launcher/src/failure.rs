//! The one error of a launch: which step failed and what the kernel or the runtime said.

use std::fmt;
use std::io;

#[derive(Debug)]
pub struct Failure {
    /// What was being done, in words for an operator.
    pub step: String,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(step: impl Into<String>, message: impl fmt::Display) -> Failure {
        Failure { step: step.into(), message: message.to_string() }
    }

    /// The calling thread's `errno` as a failure of `step`.
    pub fn last(step: impl Into<String>) -> Failure {
        Failure::new(step, io::Error::last_os_error())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.message)
    }
}

/// Adds the step to an `io::Result`.
pub trait During<T> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::new(step(), error))
    }
}
