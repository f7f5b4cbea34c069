//! The built agent as PID 1, seen from its socket. Needs root and Linux with cgroup2.

mod client;
mod harness;

mod starting;
