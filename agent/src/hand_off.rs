//! Connections that are given away. What touches the capsule's files or ports may take long, fail
//! in many ways and use much; so the agent does none of it: a child of the spawner, in the cgroup
//! `work`, gets the connection with the request, serves the rest of the operation and ends. What
//! the capsule does to it (limits, a freeze, a kill) happens to that operation only.

use crate::agent::Agent;
use crate::clock::{MS, SECOND};
use crate::connection::Operation;
use crate::frame::{self, Kind};
use crate::launch::{MAX_START_WAIT_MS, MAX_TRIES};
use crate::passing::send_with;
use crate::pool::{Waiter, ZygotePhase};
use crate::refusal::{Code, Refusal};
use crate::slab::Key;
use crate::sys::{self, Errno};
use crate::timers::Timer;
use crate::worker::{self, Task};
use std::os::unix::io::{AsRawFd, OwnedFd};

/// Most file operations at once, those that wait for a child included.
pub const MAX_FILE_WORKERS: usize = 64;
/// Most connections to the capsule's ports at once.
pub const MAX_DIALS: usize = 256;
/// Most bytes of a request that is given away.
pub const MAX_WORKER_REQUEST: usize = 32 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its connection is still the agent's.
    Leaving,
    /// No child has it yet, or one has it and has not taken it up.
    Waiting,
    Running,
}

/// A connection that is served by a child, or is about to be.
pub struct Worker {
    task: Task,
    phase: Phase,
    /// Counts as activity.
    busy: bool,
    request: Vec<u8>,
    /// What the child is given; empty once it has it.
    message: Vec<u8>,
    /// Kept until the child has taken it up.
    socket: Option<OwnedFd>,
    tries: u32,
    pid: i32,
    slot: Option<Key>,
}

impl Worker {
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Waiting
    }
}

impl Agent {
    /// Makes this connection one that is to be given away, as soon as all that it has sent is read.
    pub fn leave(&mut self, key: Key, task: Task, busy: bool, request: &[u8]) -> Result<(), Refusal> {
        if self.shutdown.is_some() {
            return Err(Refusal::shutting_down());
        }
        if self.clock.is_paused() {
            return Err(Refusal::new(Code::Paused, "the capsule is paused"));
        }
        if request.len() > MAX_WORKER_REQUEST {
            return Err(Refusal::new(Code::BadRequest, format!("a request of more than {} bytes", MAX_WORKER_REQUEST)));
        }
        let dials = self.workers.iter().filter(|(_, worker)| worker.task == Task::Dial).count();
        let (count, most, code) = match task {
            Task::Dial => (dials, MAX_DIALS, Code::PortLimit),
            Task::File | Task::Ports => (self.workers.len() - dials, MAX_FILE_WORKERS, Code::FileLimit),
        };
        if count >= most {
            return Err(Refusal::new(code, format!("{} are under way already", most)));
        }
        let request = request.to_vec();
        let worker = Worker { task, phase: Phase::Leaving, busy, request, message: Vec::new(), socket: None, tries: 0, pid: 0, slot: None };
        // Who only looks does not keep the capsule awake.
        if task != Task::Ports {
            self.touch_activity();
        }
        self.busy += u64::from(busy);
        let worker = self.workers.insert(worker);
        if let Some(connection) = self.connections.get_mut(key) {
            connection.operation = Operation::Leaving(worker);
        }
        Ok(())
    }

    /// Takes the connection from the loop, with what it has sent beyond the request and what it has not taken.
    pub fn give_away(&mut self, key: Key, worker_key: Key) {
        let (connection, worker) = match (self.connections.remove(key), self.workers.get_mut(worker_key)) {
            (Some(connection), Some(worker)) => (connection, worker),
            _ => return,
        };
        // The child has a copy of the descriptor, so that closing this one would not end the watch.
        self.poller.remove(&connection.socket);
        let (socket, unsent, input) = connection.into_parts();
        worker.message = worker::encode(worker.task, &std::mem::take(&mut worker.request), &unsent, &input);
        worker.socket = Some(socket);
        worker.phase = Phase::Waiting;
        self.timers.at_unfrozen(self.unfrozen() + MAX_START_WAIT_MS * MS, Timer::WorkerWait(worker_key));
        self.pool.waiting.push_back(Waiter::Worker(worker_key));
        self.end_rest();
        self.dispatch();
        if !self.pool.waiting.is_empty() {
            self.grow_pool(false);
        }
    }

    /// Gives a connection and its request to a ready child.
    pub fn hand_connection(&mut self, key: Key, index: usize) -> Result<(), Errno> {
        let (worker, zygote) = match (self.workers.get_mut(key), self.pool.cells.get_mut(index)) {
            (Some(worker), Some(Some(zygote))) => (worker, zygote),
            _ => return Ok(()),
        };
        let socket = match &worker.socket {
            Some(socket) => socket,
            None => return Ok(()),
        };
        let sent = send_with(&zygote.socket, &worker.message, &[socket.as_raw_fd()])?;
        zygote.send_later(&worker.message[sent..], &self.poller)?;
        zygote.phase = ZygotePhase::Launching(Waiter::Worker(key));
        self.listen(index);
        Ok(())
    }

    /// The child serves the connection: it is its own from here on.
    pub fn begin_worker(&mut self, key: Key, index: usize) {
        let zygote = match self.pool.cells.get_mut(index).and_then(|cell| cell.take()) {
            Some(zygote) => zygote,
            None => return,
        };
        match self.workers.get_mut(key) {
            Some(worker) => {
                worker.phase = Phase::Running;
                worker.pid = zygote.pid;
                worker.slot = zygote.slot;
                worker.message = Vec::new();
                worker.socket = None;
            }
            None => {
                // It was given up while it began.
                self.pool.kill_own(zygote.pid);
                if let Some(slot) = zygote.slot {
                    self.slots.release(slot);
                    self.sweep_later();
                }
            }
        }
    }

    /// The child died before it took the connection up: another one gets it.
    pub fn retry_worker(&mut self, key: Key) {
        if let Some(worker) = self.workers.get_mut(key) {
            worker.tries += 1;
            if worker.tries < MAX_TRIES {
                self.pool.waiting.push_front(Waiter::Worker(key));
            } else {
                self.fail_worker(key, Refusal::new(Code::ProcessLimit, "killed before it could start"));
            }
        }
    }

    /// Nobody will serve this connection: it is told so and closed.
    pub fn fail_worker(&mut self, key: Key, refusal: Refusal) {
        let refusal = self.told_of_shutdown(refusal);
        if let Some(socket) = self.drop_worker(key).and_then(|worker| worker.socket) {
            let mut out = Vec::new();
            frame::encode(Kind::Error, refusal.to_json().to_string().as_bytes(), &mut out);
            // It has taken all that was sent before, but for a welcome at most.
            let _ = sys::send(&socket, &out);
        }
    }

    /// The bound on the time between a request and the child that serves it.
    pub fn worker_wait_over(&mut self, key: Key) {
        if !self.workers.get(key).map_or(false, |worker| worker.is_waiting()) {
            return;
        }
        let seconds = MAX_START_WAIT_MS * MS / SECOND;
        self.fail_worker(key, Refusal::new(Code::ProcessLimit, format!("no process could be started in {} s", seconds)));
        self.give_up_child(Waiter::Worker(key));
    }

    pub fn find_worker(&self, pid: i32) -> Option<Key> {
        self.workers.iter().find(|(_, worker)| worker.pid == pid).map(|(key, _)| key)
    }

    /// The agent's own children, which no list shows and no request signals.
    pub fn is_own(&self, pid: i32) -> bool {
        self.pool.is_own(pid) || self.find_worker(pid).is_some()
    }

    /// The child that served a connection has ended, and the connection with it.
    pub fn end_worker(&mut self, key: Key) {
        if let Some(slot) = self.drop_worker(key).and_then(|worker| worker.slot) {
            self.slots.release(slot);
            self.sweep_later();
        }
    }

    pub fn drop_worker(&mut self, key: Key) -> Option<Worker> {
        let worker = self.workers.remove(key)?;
        if worker.busy {
            self.busy = self.busy.saturating_sub(1);
            self.touch_activity();
        }
        Some(worker)
    }
}
