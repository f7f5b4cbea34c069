//! The host goes down: its service manager sends SIGTERM to every process there is, and waits up to minutes for those that stay. The
//! first process of a namespace stays, unless it listens to that signal.

use crate::agent::Agent;
use crate::clock::MS;
use crate::sys;
use crate::timers::Timer;

/// Milliseconds that the capsule's processes have to end by themselves: they were sent the same signal.
const GRACE_MS: u64 = 2000;

impl Agent {
    /// Ends the capsule soon, and at once where its processes are frozen and hear nothing. What they print until then is kept, and their
    /// ends; of those that are still there, the next server says that the host was restarted.
    pub fn host_ends(&mut self) {
        if self.clock.is_paused() {
            sys::exit_now(0);
        }
        self.timers.at_real(self.now + GRACE_MS * MS, Timer::HostEnds);
    }
}
