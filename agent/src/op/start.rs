//! `start`: a new process.

use super::Outcome;
use crate::agent::Agent;
use crate::clock::{MS, SECOND};
use crate::connection::{Cursor, Operation};
use crate::frame::Kind;
use crate::launch::MAX_START_WAIT_MS;
use crate::pool::Waiter;
use crate::process::{Phase, Process, Reason};
use crate::refusal::{Code, Refusal};
use crate::replay::Place;
use crate::request::{Object, OnDisconnect, StartRequest};
use crate::slab::Key;
use crate::stdin::Stdin;
use crate::timers::Timer;

/// Most starts that wait for a child.
pub const MAX_WAITING: usize = 512;
/// Most bytes of arguments and environment that they have together.
pub const MAX_WAITING_BYTES: usize = 8 << 20;
/// Seconds of unfrozen time that a process outlives a host that may come back.
pub const LOST_GRACE_S: u64 = 60;

pub fn run(agent: &mut Agent, key: Key, object: &Object) -> Outcome {
    let request = StartRequest::read(object)?;
    if let Some(first) = request.key.as_ref().and_then(|name| agent.by_key.get(name)).copied() {
        repeat(agent, key, first, request.attach);
        return Ok(None);
    }
    if agent.shutdown.is_some() {
        return Err(Refusal::shutting_down());
    }
    if agent.clock.is_paused() {
        return Err(Refusal::new(Code::Paused, "the capsule is paused"));
    }
    if agent.by_id.contains_key(&request.id) {
        return Err(Refusal::of(Code::BadRequest, "id", "is in use"));
    }
    if agent.by_tag.contains_key(&request.tag) {
        return Err(Refusal::of(Code::TagInUse, "tag", "a live process has it"));
    }
    let bytes_of = |waiter: &Waiter| match waiter {
        Waiter::Process(key) => agent.processes.get(*key).map_or(0, |process| process.program.len()),
        Waiter::Worker(_) => 0,
    };
    let waiting_bytes: usize = agent.pool.waiting.iter().map(bytes_of).sum();
    if agent.pool.waiting.len() >= MAX_WAITING || waiting_bytes >= MAX_WAITING_BYTES {
        return Err(Refusal::new(Code::ProcessLimit, "too many starts wait already"));
    }
    agent.touch_activity();
    let (id, tag, name) = (request.id.clone(), request.tag.clone(), request.key.clone());
    if request.busy {
        agent.busy += 1;
    }
    let takes_input = request.stdin || request.pty.is_some();
    let is_terminal = request.pty.is_some();
    let mut process = Process::new(request, Some(key));
    let lean = process.lean;
    process.stdin = if takes_input { Some(Stdin::new(is_terminal)) } else { None };
    let process = agent.processes.insert(process);
    agent.by_id.insert(id, process);
    if !tag.is_empty() {
        agent.by_tag.insert(tag, process);
    }
    if let Some(name) = name {
        agent.by_key.insert(name, process);
    }
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.operation = Operation::Starting(process);
    }
    agent.timers.at_unfrozen(agent.unfrozen() + MAX_START_WAIT_MS * MS, Timer::StartWait(process));
    agent.pool.waiting.push_back(Waiter::Process(process));
    agent.end_rest();
    agent.dispatch();
    if !agent.pool.waiting.is_empty() {
        agent.grow_pool(lean);
    }
    Ok(None)
}

/// Answers a start by the process that an earlier one with its key has started.
fn repeat(agent: &mut Agent, key: Key, first: Key, attach: bool) {
    agent.touch_activity();
    match agent.processes.get_mut(first) {
        Some(process) if !process.is_live() && !process.is_ended() => {
            process.repeats.push((key, attach));
            if let Some(connection) = agent.connections.get_mut(key) {
                connection.operation = Operation::Starting(first);
            }
        }
        _ => agent.answer_start(first, key, attach, true),
    }
}

impl Agent {
    /// Tells a connection that a process has started, and lets it read if it wants to.
    pub fn answer_start(&mut self, key: Key, asker: Key, attach: bool, repeated: bool) {
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        let mut started = process.started_json(1);
        if repeated {
            started["repeated"] = true.into();
        }
        let own = !repeated && process.is_plain();
        // One that has lasted is not waited for once more.
        let lasts = process.is_short() && process.outputs[0].watched;
        let held = !repeated && process.request.foreground && !lasts;
        if let Some(connection) = self.connections.get_mut(asker) {
            connection.push_json(Kind::Started, &started);
            connection.operation = Operation::Idle;
            if attach {
                process.readers.push(asker);
                connection.progress = self.now;
                connection.held_since = if held { Some(self.now) } else { None };
                let cursor = Cursor { process: key, next: 1, before: [0; 2], place: Place::default(), sent: 0, own };
                connection.operation = Operation::Reading(cursor);
            }
            self.mark_dirty(asker);
        }
    }

    /// The connection that started a process has ended without a cancel.
    pub fn owner_left(&mut self, key: Key) {
        let (phase, policy, has_timeout) = match self.processes.get(key) {
            Some(process) => (process.phase, process.request.on_disconnect, process.request.timeout_ms > 0),
            None => return,
        };
        match (policy, phase) {
            (_, Phase::Ended) | (OnDisconnect::Continue, _) => {}
            (OnDisconnect::Kill, Phase::Waiting) => {
                self.fail_start(key, Refusal::new(Code::ProcessLimit, "nobody waits for it any more"));
            }
            (OnDisconnect::Kill, Phase::Launching) => {
                if let Some(process) = self.processes.get_mut(key) {
                    process.cancel = Some((Reason::ClientGone, 0));
                }
            }
            (OnDisconnect::Kill, Phase::Running) => self.end_tree(key, "disconnect", Reason::ClientGone, 0),
            (OnDisconnect::Grace, _) => {
                if !has_timeout {
                    self.timers.at_unfrozen(self.unfrozen() + self.settings.lost_grace_s * SECOND, Timer::Lost(key));
                }
            }
        }
    }
}
