//! `log`: the starts and ends of the capsule's processes.

use super::Outcome;
use crate::agent::Agent;
use crate::clock::{self, MS, SECOND};
use crate::connection::{LogCursor, Operation};
use crate::frame::Kind;
use crate::log::LogPlace;
use crate::process::{Process, Reason};
use crate::refusal::{Code, Refusal};
use crate::request::{flag, number, Object};
use crate::slab::Key;
use crate::spill::RETRY_S;
use crate::timers::Timer;
use serde_json::json;

/// Bytes of entries that are put before a connection at once.
const BATCH: usize = 64 * 1024;

pub fn run(agent: &mut Agent, key: Key, object: &Object) -> Outcome {
    let from = number(object, "from", 1)?;
    let follow = flag(object, "follow", false)?;
    if from == 0 {
        return Err(Refusal::of(Code::BadRequest, "from", "must be a number from 1"));
    }
    if from > agent.log.next() {
        return Err(Refusal::of(Code::InvalidOffset, "from", format!("the next entry is {}", agent.log.next())));
    }
    agent.followers.push(key);
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.operation = Operation::Logging(LogCursor { next: from, place: LogPlace::default(), follow });
        agent.mark_dirty(key);
    }
    Ok(None)
}

impl Agent {
    /// Puts more of the log before a connection, or the end of its operation.
    pub fn send_entries(&mut self, key: Key) {
        let connection = match self.connections.get_mut(key) {
            Some(connection) => connection,
            None => return,
        };
        let mut cursor = match connection.operation {
            Operation::Logging(cursor) => cursor,
            _ => return,
        };
        self.log.read(&mut cursor.next, &mut cursor.place, BATCH, &mut |json| connection.push_text(Kind::Entry, json));
        connection.operation = Operation::Logging(cursor);
        if !cursor.follow && cursor.next >= self.log.next() {
            connection.operation = Operation::Idle;
            connection.push_json(Kind::Result, &json!({"next": cursor.next}));
            self.followers.retain(|follower| *follower != key);
        }
    }

    /// Notes in the log that a process runs.
    pub fn log_start(&mut self, key: Key) {
        if let Some(process) = self.processes.get(key).filter(|process| !process.is_plain()) {
            self.log.add("started", process.started_unix_ms, process.log_json(), None);
            self.write_log();
        }
    }

    /// Notes in the log how a process ended.
    pub fn log_end(&mut self, key: Key) {
        let told = |process: &&Process| !process.is_plain() || process.end_reason() != Some(Reason::Exited);
        if let Some(process) = self.processes.get(key).filter(told) {
            self.log.add("ended", clock::unix() / MS, process.log_json(), process.exit_json());
            self.write_log();
        }
    }

    /// Writes what is not in a file yet and shows it to those who follow.
    pub fn write_log(&mut self) {
        for follower in self.followers.clone() {
            self.mark_dirty(follower);
        }
        let control = match &self.disk.control {
            Some(control) if !self.log_failing => control,
            _ => return,
        };
        let full = self.log.is_full();
        let live = |process: &Process| process.is_live() && !process.is_plain();
        let going = !full || {
            let facts: Vec<_> = self.processes.iter().filter(|(_, process)| live(process)).map(|(_, process)| process.log_json()).collect();
            self.log.rotate(control, &facts)
        };
        if !going || !self.log.write() {
            self.disk.errors += 1;
            self.log_failing = true;
            self.timers.at_real(self.now + RETRY_S * SECOND, Timer::Log);
        }
    }

    /// The log is tried again.
    pub fn log_due(&mut self) {
        self.log_failing = false;
        if self.log.has_pending() {
            self.write_log();
        }
    }
}
