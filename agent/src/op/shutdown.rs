//! `shutdown`: everything in the capsule ends, and nothing new begins.

use super::Outcome;
use crate::agent::{Agent, Shutdown};
use crate::clock::MS;
use crate::connection::Operation;
use crate::frame::Kind;
use crate::pool::Waiter;
use crate::process::{Phase, Reason};
use crate::refusal::{Code, Refusal};
use crate::request::{number, required, Object};
use crate::slab::Key;
use crate::sys;
use crate::timers::Timer;
use serde_json::json;

/// Milliseconds between SIGTERM and SIGKILL where the host says nothing.
const DEFAULT_GRACE_MS: u64 = 2000;
/// Milliseconds after which SIGKILL is sent again to what is still there.
const AGAIN_MS: u64 = 100;

pub fn run(agent: &mut Agent, key: Key, object: &Object) -> Outcome {
    let reason = match required(object, "reason")? {
        "capsule_stopped" => Reason::CapsuleStopped,
        "capsule_destroyed" => Reason::CapsuleDestroyed,
        _ => return Err(Refusal::of(Code::BadRequest, "reason", "must be capsule_stopped or capsule_destroyed")),
    };
    let grace_ms = number(object, "grace_ms", DEFAULT_GRACE_MS)?;
    let live: Vec<Key> = agent.processes.iter().filter(|(_, process)| process.is_live()).map(|(key, _)| key).collect();
    let first = agent.shutdown.is_none();
    let shutdown = agent.shutdown.get_or_insert(Shutdown { reason, ended: 0, waiting: Vec::new() });
    shutdown.reason = reason;
    shutdown.waiting.push(key);
    if first {
        shutdown.ended = live.len() as u64;
    }
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.operation = Operation::Shutdown;
    }
    let waiting: Vec<Waiter> = agent.pool.waiting.drain(..).collect();
    for waiter in waiting {
        agent.fail_waiter(waiter, Refusal::shutting_down());
    }
    let signal = if grace_ms == 0 { libc::SIGKILL } else { libc::SIGTERM };
    live.iter().for_each(|process| agent.signal_tree(*process, signal, "shutdown", reason));
    if grace_ms == 0 {
        agent.shutdown_due();
    } else {
        // All that this process may signal: the whole capsule but the agent. Its own children do not hear it.
        sys::kill(-1, libc::SIGTERM);
        agent.timers.at_unfrozen(agent.unfrozen().saturating_add(grace_ms.saturating_mul(MS)), Timer::Shutdown);
    }
    agent.settle_shutdown();
    Ok(None)
}

impl Agent {
    /// The grace of a shutdown is over: kills everything, again and again until nothing is left.
    pub fn shutdown_due(&mut self) {
        let reason = match &self.shutdown {
            Some(shutdown) if !shutdown.waiting.is_empty() || self.has_unfinished() => shutdown.reason,
            _ => return,
        };
        for key in self.processes.keys() {
            self.signal_tree(key, libc::SIGKILL, "shutdown", reason);
        }
        self.slots.kill_all();
        sys::kill(-1, libc::SIGKILL);
        self.timers.at_unfrozen(self.unfrozen() + AGAIN_MS * MS, Timer::Shutdown);
    }

    fn has_unfinished(&self) -> bool {
        self.processes.iter().any(|(_, process)| !matches!(process.phase, Phase::Ended))
    }

    /// Answers a shutdown once every process has ended.
    pub fn settle_shutdown(&mut self) {
        if self.has_unfinished() {
            return;
        }
        let (waiting, ended) = match &mut self.shutdown {
            Some(shutdown) if !shutdown.waiting.is_empty() => (std::mem::take(&mut shutdown.waiting), shutdown.ended),
            _ => return,
        };
        // What was not started through the API goes too.
        self.slots.kill_all();
        sys::kill(-1, libc::SIGKILL);
        for key in waiting {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.operation = Operation::Idle;
            }
            self.reply(key, Kind::Result, &json!({"ended": ended}));
        }
    }
}
