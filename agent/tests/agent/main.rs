//! The built agent as PID 1, seen from its socket. Needs root and Linux with cgroup2.

// The tools of the tests: not every one is used at every time.
#[allow(dead_code)]
mod client;
#[allow(dead_code)]
mod harness;

mod ending;
mod hostile;
mod input;
mod keys;
mod pausing;
mod protocol;
mod reading;
mod starting;
mod trees;
