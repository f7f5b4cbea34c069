//! One turn after another: events, children, timers, and then all that is to be written.

use crate::agent::Agent;
use crate::clock::{self, MS};
use crate::connection::Operation;
use crate::poller::{self, Event, Source, PEER_GONE, QUIET, READABLE, WRITABLE};
use crate::process::Reason;
use crate::record::Stream;
use crate::slab::Key;
use crate::sys;
use crate::timers::Timer;

/// Longest sleep without a timer, in milliseconds.
const MAX_SLEEP_MS: u64 = 3_600_000;

impl Agent {
    /// Serves until the end of the capsule.
    pub fn run(mut self) -> ! {
        let mut events: Vec<Event> = Vec::new();
        let mut children = true;
        loop {
            let more = !self.ready.is_empty() || !self.unread.is_empty() || !self.behind.is_empty() || self.disk.has_doomed();
            let busy = more || children;
            let sleep_ms = if busy { 0 } else { self.sleep_ms() };
            self.poller.wait(sleep_ms, &mut events);
            self.now = clock::monotonic();
            children = std::mem::take(&mut children) | self.handle(&events);
            // Children come last: what they wrote and how far they came is known by then.
            children = children && self.reap();
            self.read_ready();
            self.fire();
            self.young_due();
            self.disk.tidy();
            std::mem::take(&mut self.behind).into_iter().for_each(|key| self.mark_dirty(key));
            // Who waits for an answer comes before the children for later starts.
            self.write_all();
            if self.shutdown.is_none() {
                self.tend_pool();
            }
            self.write_all();
        }
    }

    fn sleep_ms(&mut self) -> i32 {
        let mut timers = std::mem::take(&mut self.timers);
        timers.skim(|timer| self.is_wanted(timer));
        self.timers = timers;
        let next = self.timers.next(&self.clock).into_iter().chain(self.next_young()).min();
        let wait = next.map_or(MAX_SLEEP_MS, |at| (at.saturating_sub(clock::monotonic()) + MS - 1) / MS);
        wait.min(MAX_SLEEP_MS) as i32
    }

    /// True when a child has changed.
    fn handle(&mut self, events: &[Event]) -> bool {
        let mut children = false;
        for event in events {
            match event.source {
                Source::Signals => {
                    if poller::clear_signals(&self.signals) {
                        self.host_ends();
                    }
                    children = true;
                }
                Source::Listener => self.accept(),
                Source::Spawner => self.read_spawner(event.flags & PEER_GONE != 0),
                Source::Connection => self.on_connection(event),
                Source::Zygote => self.on_zygote(event),
                Source::Stdout => self.on_output(event.key, Stream::Stdout),
                Source::Stderr => self.on_output(event.key, Stream::Stderr),
                Source::Stdin => self.pump_stdin(event.key),
                Source::Lines => self.read_lines(),
            }
        }
        children
    }

    fn on_connection(&mut self, event: &Event) {
        if event.flags & WRITABLE != 0 {
            self.unblock(event.key);
        }
        if event.flags & (READABLE | PEER_GONE) != 0 {
            self.read_connection(event.key, event.flags & PEER_GONE != 0);
        }
    }

    fn unblock(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key) {
            if std::mem::take(&mut connection.watches_room) {
                let _ = self.poller.change(&connection.socket, QUIET, Source::Connection, key);
            }
            if std::mem::take(&mut connection.blocked) {
                self.mark_dirty(key);
            }
        }
    }

    fn on_zygote(&mut self, event: &Event) {
        if let Some(index) = self.pool.find(event.key) {
            if event.flags & PEER_GONE != 0 {
                self.settle_zygote(index);
            } else if event.flags & WRITABLE != 0 {
                self.feed_zygote(index);
            }
        }
    }

    fn on_output(&mut self, key: Key, stream: Stream) {
        self.grow_up(key);
        if stream == Stream::Stderr {
            // What was printed before it may have no event yet.
            self.read_output(key, Stream::Stdout);
        }
        if let Some(process) = self.processes.get_mut(key) {
            process.output(stream).readable = true;
            self.read_output(key, stream);
        }
        self.watch_output(key);
    }

    fn read_ready(&mut self) {
        for (key, to_end) in std::mem::take(&mut self.unread) {
            self.read_connection(key, to_end);
        }
        for (key, stream) in std::mem::take(&mut self.ready) {
            if let Some(process) = self.processes.get_mut(key) {
                process.output(stream).queued = false;
                self.read_output(key, stream);
            }
        }
    }

    fn fire(&mut self) {
        while let Some(timer) = self.timers.pop(&self.clock, self.now) {
            match timer {
                Timer::Hello(key) => self.connection_due(key, Operation::Unknown),
                Timer::Linger(key) => self.connection_due(key, Operation::Closing),
                Timer::Flush(key) => self.mark_dirty(key),
                Timer::Unblock(key) => self.unblock(key),
                Timer::Trim => self.trim(),
                Timer::StartWait(key) => self.start_wait_over(key),
                Timer::WorkerWait(key) => self.worker_wait_over(key),
                Timer::Nudge(key) => self.nudge(key),
                Timer::Timeout(key) => self.timeout_over(key),
                Timer::Type(key) => self.type_again(key),
                Timer::Grace(key, slot) => self.grace_over(key, slot),
                Timer::Lost(key) => self.end_tree(key, "server", Reason::ServerLost, 0),
                Timer::OutputEnd(key) => self.output_end_due(key),
                Timer::Retention(key) => self.retention_over(key),
                Timer::Pace(key) => self.check_stall(key),
                Timer::Shutdown => self.shutdown_due(),
                Timer::HostEnds => sys::exit_now(0),
                Timer::SweepSlots => self.sweep_slots(),
                Timer::ShrinkPool => self.shrink_pool(),
                Timer::Spill => self.spill_due(),
                Timer::Rate => self.rate_due(),
                Timer::Close => self.close_due(),
                Timer::Log => self.log_due(),
                Timer::List(number) => self.list_due(number),
                Timer::Respawn => {}
            }
        }
        self.compact_timers();
    }

    /// Writes to every connection that may have something, until nothing new comes of it.
    fn write_all(&mut self) {
        loop {
            for key in std::mem::take(&mut self.dirty) {
                if let Some(connection) = self.connections.get_mut(key) {
                    connection.dirty = false;
                    self.pump(key);
                }
            }
            self.ease();
            if self.dirty.is_empty() || !self.ready.is_empty() {
                return;
            }
        }
    }

    /// Drops timers whose object is gone, when they have become many.
    fn compact_timers(&mut self) {
        if !self.timers.are_many() {
            return;
        }
        let mut timers = std::mem::take(&mut self.timers);
        timers.compact(|timer| self.is_wanted(timer));
        self.timers = timers;
    }

    fn is_wanted(&self, timer: Timer) -> bool {
        let process = |key: Key| self.processes.get(key);
        match timer {
            Timer::Hello(key) => self.connections.get(key).map_or(false, |one| one.operation == Operation::Unknown),
            Timer::Flush(key) => self.connections.get(key).map_or(false, |one| one.held_since.is_some()),
            Timer::Linger(key) | Timer::Unblock(key) => self.connections.get(key).is_some(),
            Timer::StartWait(key) => process(key).map_or(false, |one| !one.is_live() && !one.is_ended()),
            Timer::WorkerWait(key) => self.workers.get(key).map_or(false, |worker| worker.is_waiting()),
            Timer::Nudge(key) => self.pool.find(key).is_some(),
            Timer::Timeout(key) | Timer::Lost(key) | Timer::Type(key) => process(key).map_or(false, |one| !one.is_ended()),
            Timer::OutputEnd(key) => process(key).map_or(false, |one| one.is_live()),
            Timer::Retention(key) | Timer::Pace(key) => process(key).is_some(),
            Timer::Grace(..) | Timer::Shutdown | Timer::SweepSlots | Timer::ShrinkPool | Timer::Respawn | Timer::Trim => true,
            Timer::Spill | Timer::Rate | Timer::Close | Timer::Log | Timer::List(_) | Timer::HostEnds => true,
        }
    }
}
