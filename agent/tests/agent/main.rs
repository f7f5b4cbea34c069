//! The built agent as PID 1, seen from its socket. Needs root and Linux with cgroup2.

mod changing;
mod client;
mod harness;

mod archive;
mod bounds;
mod damage;
mod directories;
mod ending;
mod files;
mod hostile;
mod input;
mod keys;
mod logging;
mod moving;
mod pausing;
mod ports;
mod protocol;
mod ranges;
mod reading;
mod restarting;
mod resuming;
mod retaining;
mod starting;
mod terminals;
mod trees;
mod waiting;
mod watch;
mod workers;
