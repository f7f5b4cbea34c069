//! Children kept ready, and the spawner that makes them. Nothing here waits: the spawner and the
//! children may be stopped, frozen or killed by the capsule at any moment.

use crate::agent::Agent;
use crate::board::{Board, CELLS};
use crate::clock::{MS, SECOND};
use crate::lean::PLACES;
use crate::poller::{Poller, Source, FULL, READABLE};
use crate::seccomp::Filter;
use crate::slab::Key;
use crate::spawner::{self, Inheritance};
use crate::sys::{self, Errno};
use crate::timers::Timer;
use std::collections::VecDeque;
use std::os::unix::io::{AsRawFd, OwnedFd};

/// Children of each kind ready in an idle capsule.
pub const MIN_READY: usize = 2;
/// Most children of each kind ready under load.
pub const MAX_READY: usize = 8;
/// Spawners or unused children that may die in a second before the agent waits for the next one.
pub const MAX_LOSSES: u32 = 50;

/// Who gets a child: a process that is to start, or a connection that is given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    Process(Key),
    Worker(Key),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZygotePhase {
    Ordered,
    Ready,
    Launching(Waiter),
}

/// A child as the agent sees it.
pub struct Zygote {
    pub key: Key,
    /// It was ordered for programs that need no more.
    pub lean: bool,
    pub phase: ZygotePhase,
    /// 0 until the spawner has told it.
    pub pid: i32,
    /// Over which it is given what to do: of a lean one the end of a pipe. The child's end is closed when its program begins.
    pub socket: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// The agent's own end of that, so that its close, right before the end of a short command, wakes nobody.
    pub held: Option<OwnedFd>,
    pub slot: Option<Key>,
    /// What of the request did not fit into the socket.
    pub rest: Vec<u8>,
    /// Its socket is listened to: its end tells of the program.
    pub heard: bool,
    /// Its standard error is listened to, for the process that it becomes.
    pub stderr_heard: bool,
    /// It is dead, and its pid may be another's.
    pub reaped: bool,
    /// Monotonic time at which it was given something to do.
    pub given_at: u64,
}

impl Zygote {
    /// Keeps what did not fit, until an event tells of room.
    pub fn send_later(&mut self, rest: &[u8], poller: &Poller) -> Result<(), Errno> {
        self.rest = rest.to_vec();
        if rest.is_empty() || self.listen(poller, FULL) {
            return Ok(());
        }
        Err(libc::ENOMEM)
    }

    /// Has its socket listened to, unless it is already; false where that cannot be done now.
    pub fn listen(&mut self, poller: &Poller, flags: u32) -> bool {
        self.heard = self.heard || poller.add(&self.socket, flags, Source::Zygote, self.key).is_ok();
        self.heard
    }
}

pub struct Spawner {
    pub pid: i32,
    pub socket: OwnedFd,
    /// Its answers wake the loop, as somebody waits for a child.
    pub heard: bool,
}

pub struct Pool {
    pub board: Board,
    filters: [Filter; 2],
    tasks: Vec<OwnedFd>,
    descriptors: libc::rlimit,
    pub spawner: Option<Spawner>,
    pub cells: Vec<Option<Zygote>>,
    /// Who waits for a child.
    pub waiting: VecDeque<Waiter>,
    /// Children that the agent has killed and that it does not look after any more, until they are reaped: they are still its own.
    dying: Vec<i32>,
    /// Something was stopped that may be a child that was ordered.
    pub strange_stop: bool,
    /// How many children to keep ready that can do all, and lean ones.
    targets: [usize; 2],
    pub generation: u32,
    losses: u32,
    losses_since: u64,
    /// No new spawner or child before this time.
    rest_until: u64,
    shrinking: bool,
}

impl Pool {
    pub fn new(board: Board, tasks: Vec<OwnedFd>, descriptors: libc::rlimit) -> Pool {
        Pool {
            board,
            filters: [Filter::of_all(), Filter::of_children()],
            tasks,
            descriptors,
            spawner: None,
            cells: (0..CELLS).map(|_| None).collect(),
            waiting: VecDeque::new(),
            dying: Vec::new(),
            strange_stop: false,
            targets: [MIN_READY; 2],
            generation: 0,
            losses: 0,
            losses_since: 0,
            rest_until: 0,
            shrinking: false,
        }
    }

    pub fn count(&self, wanted: impl Fn(ZygotePhase) -> bool) -> usize {
        self.cells.iter().flatten().filter(|zygote| wanted(zygote.phase)).count()
    }

    /// How many of the lean children, or of the others, are at this phase.
    pub fn count_kind(&self, lean: bool, phase: ZygotePhase) -> usize {
        self.cells.iter().flatten().filter(|zygote| zygote.lean == lean && zygote.phase == phase).count()
    }

    /// The cell of a ready child of this kind.
    pub fn find_ready(&self, lean: bool) -> Option<usize> {
        let fits = |zygote: &Zygote| zygote.lean == lean && zygote.phase == ZygotePhase::Ready;
        self.cells.iter().position(|cell| cell.as_ref().map_or(false, fits))
    }

    /// The cell of the best child that can serve a waiter: one that can do all serves each.
    pub fn find_child(&self, lean: bool) -> Option<usize> {
        let exact = self.find_ready(lean);
        exact.or_else(|| if lean { self.find_ready(false) } else { None })
    }

    /// Whether the child of this cell is a lean one.
    pub fn is_lean(&self, index: usize) -> bool {
        self.cells.get(index).and_then(|cell| cell.as_ref()).map_or(false, |zygote| zygote.lean)
    }

    /// The cell of an event, if it is still about the same child.
    pub fn find(&self, key: Key) -> Option<usize> {
        let index = key.index as usize;
        let zygote = self.cells.get(index)?.as_ref()?;
        if zygote.key == key {
            Some(index)
        } else {
            None
        }
    }

    /// The cell of the child that was given this one's request.
    pub fn find_waiter(&self, waiter: Waiter) -> Option<usize> {
        self.cells.iter().position(|cell| cell.as_ref().map_or(false, |zygote| zygote.phase == ZygotePhase::Launching(waiter)))
    }

    /// Whether a child was ordered whose pid is not known yet.
    pub fn is_expecting(&self) -> bool {
        self.count(|phase| phase == ZygotePhase::Ordered) > 0
    }

    /// The cell of the child with this pid.
    pub fn find_pid(&self, pid: i32) -> Option<usize> {
        self.cells.iter().position(|cell| cell.as_ref().map_or(false, |zygote| zygote.pid == pid))
    }

    /// The agent's own children, which no list shows.
    pub fn is_own(&self, pid: i32) -> bool {
        self.spawner.as_ref().map_or(false, |spawner| spawner.pid == pid) || self.find_pid(pid).is_some() || self.dying.contains(&pid)
    }

    /// Kills a child of the agent's own that it knows nothing else of from here on.
    pub fn kill_own(&mut self, pid: i32) {
        sys::kill(pid, libc::SIGKILL);
        self.dying.push(pid);
    }

    /// A child is reaped: its pid may be another's.
    pub fn forget_dying(&mut self, pid: i32) {
        self.dying.retain(|one| *one != pid);
    }

    /// The slots of children that are ordered and not told of yet: who is in them already is one of those.
    pub fn expected_slots(&self) -> impl Iterator<Item = Key> + '_ {
        self.cells.iter().flatten().filter(|zygote| zygote.phase == ZygotePhase::Ordered).filter_map(|zygote| zygote.slot)
    }
}

impl Agent {
    /// Brings waiting processes and ready children together, and orders more children.
    pub fn tend_pool(&mut self) {
        if self.clock.is_paused() {
            return;
        }
        let given = self.dispatch();
        let rested = self.now >= self.pool.rest_until;
        if self.pool.spawner.is_none() && rested {
            self.make_spawner();
        }
        if self.pool.spawner.is_none() || !rested {
            return;
        }
        let waiting = self.pool.waiting.iter().filter(|waiter| self.is_lean(**waiter)).count();
        for (lean, waiting) in [(false, self.pool.waiting.len() - waiting), (true, waiting)] {
            let coming = self.pool.count_kind(lean, ZygotePhase::Ordered);
            let ready = self.pool.count_kind(lean, ZygotePhase::Ready);
            let kept = self.pool.targets[usize::from(lean)];
            let wanted = kept + waiting;
            // Where many are kept, several are ordered together: the spawner wakes once for them.
            let some_lack = waiting > 0 || ready + coming + (kept / 2).max(1) <= wanted;
            // One that was given something this turn comes before the next one, as long as there is one more.
            let enough = if given && ready > 0 || !some_lack { 0 } else { wanted };
            // Lean ones leave cells for those without which a connection would wait for ever.
            for _ in ready + coming..if lean { enough.min(PLACES) } else { enough } {
                if !self.order(lean) {
                    break;
                }
            }
        }
        self.hear_spawner();
    }

    /// A start found no child ready: more are kept from now on.
    pub fn grow_pool(&mut self, lean: bool) {
        let target = &mut self.pool.targets[usize::from(lean)];
        if *target < MAX_READY {
            *target += 1;
            self.schedule_shrink();
        }
    }

    fn schedule_shrink(&mut self) {
        if !self.pool.shrinking {
            self.pool.shrinking = true;
            self.timers.at_unfrozen(self.unfrozen() + SECOND, Timer::ShrinkPool);
        }
    }

    /// Lets one child of each kind go that load has made and that nobody needed for a second.
    pub fn shrink_pool(&mut self) {
        self.read_answers();
        self.pool.shrinking = false;
        for lean in [false, true] {
            let target = &mut self.pool.targets[usize::from(lean)];
            if *target > MIN_READY {
                *target -= 1;
                self.schedule_shrink();
            }
            if self.pool.count_kind(lean, ZygotePhase::Ready) > self.pool.targets[usize::from(lean)] {
                if let Some(index) = self.pool.find_ready(lean) {
                    self.drop_zygote(index);
                }
            }
        }
    }

    /// Forks the spawner into the cgroup `work`.
    fn make_spawner(&mut self) {
        let (own, other) = match sys::socket_pair(libc::SOCK_SEQPACKET) {
            Ok(pair) => pair,
            Err(_) => return self.rest(100 * MS),
        };
        let work = self.slots.work();
        let (result, born_inside) = spawner::fork_into(work);
        match result {
            Ok(0) => self.become_spawner(&other, born_inside),
            Ok(pid) => {
                let nobody = Key { index: 0, generation: 0 };
                if sys::set_nonblocking(&own).is_ok() && self.poller.add(&own, READABLE, Source::Spawner, nobody).is_ok() {
                    self.pool.spawner = Some(Spawner { pid, socket: own, heard: true });
                } else {
                    // It ends with its socket; who waits would wait for an event that does not come.
                    self.rest(100 * MS);
                }
            }
            Err(errno) => self.no_children(errno),
        }
    }

    /// In the child: forgets what it must not keep, then serves.
    fn become_spawner(&mut self, socket: &OwnedFd, born_inside: bool) -> ! {
        for (_, process) in self.processes.iter_mut() {
            process.journal = Default::default();
        }
        self.buffers.clear();
        self.settings.secret.clear();
        // SAFETY: gives freed memory back.
        unsafe { libc::malloc_trim(0) };
        spawner::run(Inheritance {
            board: self.pool.board,
            filter: &self.pool.filters[0],
            of_copies: &self.pool.filters[1],
            socket: socket.as_raw_fd(),
            null: self.null.as_raw_fd(),
            tasks: &self.pool.tasks,
            join: if born_inside { None } else { self.slots.work() },
            descriptors: self.pool.descriptors,
        })
    }

    pub fn rest(&mut self, time: u64) {
        self.pool.rest_until = self.now + time;
        self.timers.at_real(self.pool.rest_until, Timer::Respawn);
    }

    /// Counts a loss that only the capsule's own doing explains; too many make the agent rest, so
    /// that a loop of kills costs it little.
    fn count_loss(&mut self) {
        if self.now.saturating_sub(self.pool.losses_since) > SECOND {
            self.pool.losses_since = self.now;
            self.pool.losses = 0;
        }
        self.pool.losses += 1;
        if self.pool.losses > MAX_LOSSES {
            self.rest(100 * MS);
        }
    }

    /// The spawner is dead, or of no use.
    pub fn lose_spawner(&mut self) {
        if self.pool.spawner.take().is_none() {
            return;
        }
        self.count_loss();
        for index in 0..CELLS {
            if self.pool.cells[index].as_ref().map_or(false, |zygote| zygote.phase == ZygotePhase::Ordered) {
                self.drop_zygote(index);
            }
        }
    }

    /// A start may try at once, whatever came before it.
    pub fn end_rest(&mut self) {
        if self.pool.losses <= MAX_LOSSES {
            self.pool.rest_until = 0;
        }
    }

    /// Forgets a child, and ends it.
    pub fn drop_zygote(&mut self, index: usize) {
        if let Some(zygote) = self.pool.cells.get_mut(index).and_then(|cell| cell.take()) {
            if zygote.pid > 1 && !zygote.reaped {
                // One that was stopped does not see that its socket is closed, and nobody will look after it.
                self.pool.kill_own(zygote.pid);
            }
            if let Some(slot) = zygote.slot {
                self.slots.release(slot);
            }
        }
    }

    /// A child that was never used is gone.
    pub fn lose_zygote(&mut self, index: usize) {
        self.drop_zygote(index);
        self.count_loss();
    }
}
