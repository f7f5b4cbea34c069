//! The built agent as PID 1, seen from its socket. Needs root and Linux with cgroup2.

mod client;
mod harness;

mod ending;
mod hostile;
mod input;
mod pausing;
mod protocol;
mod reading;
mod starting;
mod trees;
