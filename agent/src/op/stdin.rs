//! `stdin` and `stdin_close`: what the host types.

use crate::agent::Agent;
use crate::clock::MS;
use crate::connection::Operation;
use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::slab::Key;
use crate::stdin::MAX_ALL_STDIN;
use crate::terminal::RETRY_MS;
use crate::timers::Timer;
use serde_json::json;

/// The process that a connection's input is for; none where its operation has just ended.
pub fn process_of(agent: &mut Agent, key: Key, operation: Operation) -> Option<Key> {
    match operation {
        Operation::Starting(process) => Some(process),
        Operation::Reading(cursor) => Some(cursor.process),
        Operation::Idle | Operation::Closing | Operation::Leaving(_) => None,
        Operation::Unknown | Operation::Shutdown | Operation::Ranging(_) | Operation::Logging(_) => {
            agent.protocol_error(key, "no process takes input here");
            None
        }
    }
}

pub fn data(agent: &mut Agent, key: Key, operation: Operation, bytes: &[u8]) {
    let process = match process_of(agent, key, operation) {
        Some(process) => process,
        None => return,
    };
    agent.touch_activity();
    let all: usize = agent.processes.iter().filter_map(|(_, process)| process.stdin.as_ref()).map(|stdin| stdin.queued()).sum();
    let stdin = agent.processes.get_mut(process).and_then(|process| process.stdin.as_mut());
    let full = match stdin {
        Some(stdin) => all + bytes.len() > MAX_ALL_STDIN || !stdin.push(key, bytes),
        None => {
            // Nobody reads it: it counts as taken, so that the host does not wait.
            agent.reply(key, Kind::StdinRoom, &json!({"bytes": bytes.len()}));
            return;
        }
    };
    if full {
        let refusal = Refusal::new(Code::StdinFull, "too many bytes wait already");
        agent.reply(key, Kind::Error, &refusal.to_json());
    }
    agent.pump_stdin(process);
}

pub fn close(agent: &mut Agent, key: Key, operation: Operation) {
    if let Some(process) = process_of(agent, key, operation) {
        if let Some(stdin) = agent.processes.get_mut(process).and_then(|process| process.stdin.as_mut()) {
            stdin.close();
        }
        agent.pump_stdin(process);
    }
}

impl Agent {
    /// Moves queued input into the process's pipe and tells its senders how much.
    pub fn pump_stdin(&mut self, process: Key) {
        let stdin = self.processes.get_mut(process).and_then(|process| process.stdin.as_mut());
        let stuck = stdin.map(|stdin| (stdin.pump(), stdin.is_stuck()));
        if stuck.as_ref().map_or(false, |(_, stuck)| *stuck) {
            self.timers.at_real(self.now + RETRY_MS * MS, Timer::Type(process));
        }
        for (sender, bytes) in stuck.map(|(room, _)| room).unwrap_or_default() {
            if let Some(heir) = self.heir_of(sender, process) {
                self.reply(heir, Kind::StdinRoom, &json!({"bytes": bytes}));
            }
        }
    }

    /// Who hears that a sender's bytes were taken: itself; where it is gone, who reads the process now, as it may send the rest.
    fn heir_of(&self, sender: Key, process: Key) -> Option<Key> {
        let is_at_it = |key: &Key| {
            self.connections.get(*key).map_or(false, |one| match one.operation {
                Operation::Reading(cursor) => cursor.process == process,
                Operation::Starting(starting) => starting == process,
                _ => false,
            })
        };
        if is_at_it(&sender) {
            return Some(sender);
        }
        let known = self.processes.get(process)?;
        if self.connections.get(sender).is_some() || known.request.pty.is_some() {
            return None;
        }
        known.readers.iter().copied().rev().find(|key| is_at_it(key))
    }

    /// A terminal that was full is typed into again.
    pub fn type_again(&mut self, process: Key) {
        if let Some(stdin) = self.processes.get_mut(process).and_then(|process| process.stdin.as_mut()) {
            stdin.retries = false;
            self.pump_stdin(process);
        }
    }
}
