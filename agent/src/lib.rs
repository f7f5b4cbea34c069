//! The agent of a capsule: PID 1, which starts processes, keeps their output and reports their
//! ends. PROTOCOL.md says what it promises to its host.

pub mod frame;
pub mod record;

mod agent;
mod board;
mod clock;
mod connection;
mod event_loop;
mod finish;
mod harden;
mod incoming;
mod journal;
mod launch;
mod oom;
mod op;
mod output;
mod passing;
mod poller;
mod pool;
mod process;
mod procfs;
mod program;
mod reader;
mod reap;
mod refusal;
mod request;
mod retention;
mod seccomp;
mod settings;
mod slab;
mod slot;
mod spawner;
mod stdin;
mod sys;
mod timers;
mod tree;
mod zygote;

mod boot;
pub use boot::boot;
