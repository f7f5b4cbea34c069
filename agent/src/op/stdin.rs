//! `stdin` and `stdin_close`: what the host types.

use crate::agent::Agent;
use crate::clock::MS;
use crate::connection::Operation;
use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::slab::Key;
use crate::stdin::{Placed, MAX_ALL_STDIN};
use crate::sys;
use crate::terminal::RETRY_MS;
use crate::timers::Timer;
use serde_json::json;

/// The process that a connection's input is for; none where its operation has just ended.
pub fn process_of(agent: &mut Agent, key: Key, operation: Operation) -> Option<Key> {
    match operation {
        Operation::Starting(process) => Some(process),
        Operation::Reading(cursor) => Some(cursor.process),
        Operation::Idle | Operation::Closing | Operation::Leaving(_) => None,
        Operation::Unknown | Operation::Shutdown | Operation::Ranging(_) | Operation::Logging(_) | Operation::Listing => {
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

/// Bytes behind the place in all input at which they belong: a host that was cut off sends them again without harm.
pub fn data_at(agent: &mut Agent, key: Key, operation: Operation, payload: &[u8]) {
    let (at, bytes) = match place_of(payload) {
        Some(found) => found,
        None => return agent.protocol_error(key, "stdin_at begins with 8 bytes"),
    };
    let process = match process_of(agent, key, operation) {
        Some(process) => process,
        None => return,
    };
    agent.touch_activity();
    let all: usize = agent.processes.iter().filter_map(|(_, process)| process.stdin.as_ref()).map(|stdin| stdin.queued()).sum();
    let stdin = match agent.processes.get_mut(process).and_then(|process| process.stdin.as_mut()) {
        Some(stdin) if stdin.is_terminal() => {
            let refusal = Refusal::new(Code::BadRequest, "a terminal's input has no places");
            return agent.reply(key, Kind::Error, &refusal.to_json());
        }
        Some(stdin) => stdin,
        None => {
            // Nobody reads it: it counts as taken, so that the host does not wait.
            return agent.reply(key, Kind::StdinRoom, &json!({"bytes": 0, "taken": at.saturating_add(bytes.len() as u64)}));
        }
    };
    let placed = if all + bytes.len() > MAX_ALL_STDIN { Placed::Full } else { stdin.place(key, at, bytes) };
    let taken = stdin.taken();
    match placed {
        Placed::Taken => {}
        Placed::Known => agent.reply(key, Kind::StdinRoom, &json!({"bytes": 0, "taken": taken})),
        Placed::Full => agent.reply(key, Kind::Error, &Refusal::new(Code::StdinFull, "too many bytes wait already").to_json()),
        Placed::Gap => agent.reply(key, Kind::Error, &Refusal::new(Code::StdinGap, "bytes before these have not come").to_json()),
    }
    agent.pump_stdin(process);
}

/// With a place, only where all that belongs before it has come.
pub fn close(agent: &mut Agent, key: Key, operation: Operation, payload: &[u8]) {
    let process = match process_of(agent, key, operation) {
        Some(process) => process,
        None => return,
    };
    if let Some(stdin) = agent.processes.get_mut(process).and_then(|process| process.stdin.as_mut()) {
        match place_of(payload) {
            Some((at, _)) if at != stdin.received() => {
                let refusal = Refusal::new(Code::StdinGap, "bytes before the end have not come");
                return agent.reply(key, Kind::Error, &refusal.to_json());
            }
            _ => stdin.close(),
        }
    }
    agent.pump_stdin(process);
}

/// The place that a payload begins with, and what is behind it.
fn place_of(payload: &[u8]) -> Option<(u64, &[u8])> {
    let place: [u8; 8] = payload.get(..8)?.try_into().ok()?;
    Some((u64::from_le_bytes(place), &payload[8..]))
}

impl Agent {
    /// Moves queued input into the process's pipe and tells its senders how much.
    pub fn pump_stdin(&mut self, process: Key) {
        let stdin = self.processes.get_mut(process).and_then(|process| process.stdin.as_mut());
        let (room, stuck, taken, placing) = match stdin {
            Some(stdin) => (stdin.pump(), stdin.is_stuck(), stdin.taken(), stdin.placing.clone()),
            None => return,
        };
        if stuck {
            self.timers.at_real(self.now + RETRY_MS * MS, Timer::Type(process));
        }
        let mut told: Vec<Key> = Vec::new();
        for (sender, bytes) in &room {
            if let Some(heir) = self.heir_of(*sender, process) {
                self.reply(heir, Kind::StdinRoom, &json!({"bytes": bytes, "taken": taken}));
                told.push(heir);
            }
        }
        if !room.is_empty() {
            self.tell_placing(process, placing, &told, taken);
        }
    }

    /// Who says where bytes belong is told how far the input is taken, whoever sent them; those that are gone are forgotten.
    fn tell_placing(&mut self, process: Key, placing: Vec<Key>, told: &[Key], taken: u64) {
        let there: Vec<Key> = placing.into_iter().filter(|key| self.is_at(*key, process)).collect();
        for key in there.iter().filter(|key| !told.contains(key)) {
            self.reply(*key, Kind::StdinRoom, &json!({"bytes": 0, "taken": taken}));
        }
        if let Some(stdin) = self.processes.get_mut(process).and_then(|process| process.stdin.as_mut()) {
            stdin.placing = there;
        }
    }

    /// Whether a connection reads or starts the process.
    fn is_at(&self, key: Key, process: Key) -> bool {
        self.connections.get(key).map_or(false, |one| match one.operation {
            Operation::Reading(cursor) => cursor.process == process,
            Operation::Starting(starting) => starting == process,
            _ => false,
        })
    }

    /// Who hears that a sender's bytes were taken: itself; where it is gone, who reads the process now, as it may send the rest.
    fn heir_of(&self, sender: Key, process: Key) -> Option<Key> {
        let known = self.processes.get(process)?;
        let heir = known.readers.iter().copied().rev().find(|key| *key != sender && self.is_at(*key, process));
        let heir = heir.filter(|_| known.request.pty.is_none());
        match self.connections.get(sender) {
            // Its end may lie unread behind all that it has sent, when another one has taken over already.
            Some(connection) if heir.is_some() && sys::peer_is_gone(&connection.socket) => heir,
            Some(_) => Some(sender).filter(|sender| self.is_at(*sender, process)),
            None => heir,
        }
    }

    /// A terminal that was full is typed into again.
    pub fn type_again(&mut self, process: Key) {
        if let Some(stdin) = self.processes.get_mut(process).and_then(|process| process.stdin.as_mut()) {
            stdin.retries = false;
            self.pump_stdin(process);
        }
    }
}
