//! Everything the agent holds. What it does stands in the files beside this one, a part each.

use crate::board::Board;
use crate::clock::{self, Clock};
use crate::connection::Connection;
use crate::files::ControlDir;
use crate::hand_off::Worker;
use crate::log::ProcessLog;
use crate::oom::OomCounter;
use crate::op::list::Lists;
use crate::poller::{Poller, Source, READABLE};
use crate::pool::Pool;
use crate::process::{Process, Reason};
use crate::record::Stream;
use crate::retention::Ended;
use crate::settings::Settings;
use crate::slab::{Key, Slab};
use crate::slot::Slots;
use crate::spill::Disk;
use crate::sys::Errno;
use crate::timers::Timers;
use std::collections::{HashMap, VecDeque};
use std::os::unix::io::OwnedFd;

/// Bytes read from a connection or a pipe at once.
pub const READ_SIZE: usize = 64 * 1024;

/// A shutdown under way.
pub struct Shutdown {
    pub reason: Reason,
    /// How many processes it ends.
    pub ended: u64,
    /// Who is told when it is done.
    pub waiting: Vec<Key>,
}

pub struct Agent {
    pub settings: Settings,
    pub boot_id: String,
    pub poller: Poller,
    pub listener: OwnedFd,
    pub signals: OwnedFd,
    pub null: OwnedFd,
    /// Given up for a moment when descriptors run out, so that a connection can be refused.
    pub spare: Option<OwnedFd>,
    pub clock: Clock,
    /// Monotonic time of this turn of the loop.
    pub now: u64,
    pub timers: Timers,
    pub connections: Slab<Connection>,
    pub processes: Slab<Process>,
    /// Connections that children of the spawner serve, or are about to.
    pub workers: Slab<Worker>,
    pub by_id: HashMap<String, Key>,
    /// Live processes only.
    pub by_pid: HashMap<i32, Key>,
    /// Live processes and those about to be.
    pub by_tag: HashMap<String, Key>,
    /// Processes that were started with a key, for as long as they are known.
    pub by_key: HashMap<String, Key>,
    pub ended: Ended,
    /// How many processes have ended.
    pub ends: u64,
    pub pool: Pool,
    pub slots: Slots,
    pub oom: OomCounter,
    /// Memory of all journals together, in bytes.
    pub journal_bytes: usize,
    pub disk: Disk,
    pub log: ProcessLog,
    /// The log could not be written and waits.
    pub log_failing: bool,
    /// Connections that read the log.
    pub followers: Vec<Key>,
    pub lists: Lists,
    /// Buffers of READ_SIZE for the next reads.
    pub buffers: Vec<Vec<u8>>,
    pub scratch: Vec<u8>,
    /// What was read from journals' files last.
    pub replay: Vec<u8>,
    /// Streams that may have more to read without an event.
    pub ready: Vec<(Key, Stream)>,
    /// Connections that may have sent more than one turn reads, and whether their end is known to be there.
    pub unread: Vec<(Key, bool)>,
    /// Connections that may have something to write.
    pub dirty: Vec<Key>,
    /// Connections that have more to write than one turn lets them.
    pub behind: Vec<Key>,
    /// Children that nobody listens to yet, and until when.
    pub young: VecDeque<(u64, Key)>,
    /// Processes that wait for their readers.
    pub paced: Vec<Key>,
    /// A reader has taken something, so paced processes look again.
    pub eased: bool,
    /// A timer ends the wait for readers that are close behind.
    pub close_armed: bool,
    /// Unfrozen time of the latest activity.
    pub last_activity: u64,
    /// Processes started as busy that run or are about to, and workers that count as activity.
    pub busy: u64,
    pub shutdown: Option<Shutdown>,
    pub sweeping: bool,
    pub trimming: bool,
}

/// The descriptors and limits the agent was launched with.
pub struct Launch {
    pub settings: Settings,
    pub listener: OwnedFd,
    pub null: OwnedFd,
    pub control: Option<OwnedFd>,
    pub work: Option<OwnedFd>,
    pub oom: Option<OwnedFd>,
    pub tasks: Vec<OwnedFd>,
    pub descriptors: libc::rlimit,
}

fn random_id() -> String {
    let mut bytes = [0u8; 16];
    // SAFETY: the buffer is valid for its length.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    bytes.iter().map(|byte| format!("{:02x}", byte)).collect()
}

impl Agent {
    pub fn new(launch: Launch) -> Result<Agent, Errno> {
        let poller = Poller::new()?;
        let signals = crate::poller::signals()?;
        let nobody = Key { index: 0, generation: 0 };
        poller.add(&launch.listener, READABLE, Source::Listener, nobody)?;
        poller.add(&signals, READABLE, Source::Signals, nobody)?;
        let now = clock::monotonic();
        let control = launch.control.and_then(ControlDir::open);
        Ok(Agent {
            disk: Disk::new(control, launch.settings.journal, now),
            log: ProcessLog::open(None, &mut |_| {}),
            log_failing: false,
            followers: Vec::new(),
            lists: Lists::default(),
            settings: launch.settings,
            boot_id: random_id(),
            poller,
            listener: launch.listener,
            signals,
            spare: crate::sys::duplicate(&launch.null).ok(),
            null: launch.null,
            clock: Clock::default(),
            now,
            timers: Timers::default(),
            connections: Slab::default(),
            processes: Slab::default(),
            workers: Slab::default(),
            by_id: HashMap::new(),
            by_pid: HashMap::new(),
            by_tag: HashMap::new(),
            by_key: HashMap::new(),
            ends: 0,
            ended: Ended::default(),
            pool: Pool::new(Board::new()?, launch.tasks, launch.descriptors),
            slots: Slots::new(launch.work),
            oom: OomCounter::new(launch.oom),
            journal_bytes: 0,
            buffers: Vec::new(),
            scratch: Vec::new(),
            replay: Vec::new(),
            ready: Vec::new(),
            unread: Vec::new(),
            dirty: Vec::new(),
            behind: Vec::new(),
            young: VecDeque::new(),
            paced: Vec::new(),
            eased: false,
            close_armed: false,
            last_activity: now,
            busy: 0,
            shutdown: None,
            sweeping: false,
            trimming: false,
        })
    }

    /// The capsule's own time, in nanoseconds.
    pub fn unfrozen(&self) -> u64 {
        self.clock.unfrozen(self.now)
    }

    pub fn touch_activity(&mut self) {
        self.last_activity = self.unfrozen();
    }

    /// Milliseconds without activity.
    pub fn idle_ms(&self) -> u64 {
        if self.busy > 0 {
            return 0;
        }
        self.unfrozen().saturating_sub(self.last_activity) / clock::MS
    }

    /// Lets the loop write to this connection at the end of its turn.
    pub fn mark_dirty(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key) {
            if !connection.dirty {
                connection.dirty = true;
                self.dirty.push(key);
            }
        }
    }

    /// The process a selector means: an id, a pid or a tag; the live one first, else the latest ended.
    pub fn select(&self, selector: &str) -> Option<Key> {
        let is_started = |key: &Key| self.processes.get(*key).map_or(false, |process| process.is_live() || process.is_ended());
        if selector.starts_with("pr-") {
            return self.by_id.get(selector).copied().filter(is_started);
        }
        if let Ok(pid) = selector.parse::<i32>() {
            let live = self.by_pid.get(&pid).copied();
            return live.or_else(|| self.latest_ended(|process| process.pid == pid));
        }
        let live = self.by_tag.get(selector).copied().filter(is_started);
        live.or_else(|| self.latest_ended(|process| !selector.is_empty() && process.request.tag == selector))
    }

    fn latest_ended(&self, wanted: impl Fn(&Process) -> bool) -> Option<Key> {
        let found = self.processes.iter().filter(|(_, process)| process.is_ended() && !process.forgotten && wanted(process));
        found.max_by_key(|(_, process)| process.ended_order).map(|(key, _)| key)
    }
}

#[cfg(test)]
impl Agent {
    /// One of which a part is tried: nobody connects to it, it has no files, no cgroup and no children.
    pub fn bare() -> Agent {
        use crate::settings::Bounds;
        let (listener, _) = crate::sys::socket_pair(libc::SOCK_STREAM).unwrap();
        let (null, _) = crate::sys::pipe().unwrap();
        let (capsule, secret, journal) = (String::new(), String::new(), Bounds::default());
        let settings = Settings { capsule, secret, join: 0, previous: Reason::AgentLost, journal, kept_s: 1, lost_grace_s: 1 };
        let descriptors = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
        Agent::new(Launch { settings, listener, null, control: None, work: None, oom: None, tasks: Vec::new(), descriptors }).unwrap()
    }
}
