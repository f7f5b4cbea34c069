//! The agent of a capsule: PID 1, which starts processes, keeps their output and reports their
//! ends. PROTOCOL.md says what it promises to its host.

pub mod frame;
pub mod record;

mod agent;
mod board;
mod clock;
mod connection;
mod digest;
mod discard;
mod event_loop;
mod evict;
mod files;
mod finish;
mod hand_off;
mod harden;
mod incoming;
mod journal;
mod launch;
mod log;
mod log_line;
mod oom;
mod op;
mod output;
mod passing;
mod poller;
mod pool;
mod process;
mod procfs;
mod program;
mod rate;
mod reader;
mod reap;
mod recover;
mod refusal;
mod replay;
mod request;
mod retention;
mod seccomp;
mod segment;
mod send;
mod settings;
mod slab;
mod slot;
mod spawner;
mod spill;
mod stall;
mod stdin;
mod sys;
mod terminal;
mod timers;
mod tree;
mod worker;
mod zygote;

mod boot;
pub use boot::boot;
