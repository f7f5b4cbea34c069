//! Work that is done while every process of a capsule stands still.

use crate::failure::{During, Failure, Result};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Looks that are taken at once: a freeze mostly takes tens of microseconds.
const SPINS: u32 = 50;
const PAUSE: Duration = Duration::from_micros(200);

/// Whose processes stand still, and how long each of them may take to.
pub struct Freeze {
    /// cgroup2 directory.
    pub group: String,
    pub patience: Duration,
}

/// They go on whatever comes of the work. Whoever kills this process in between must thaw them.
pub fn while_frozen(freeze: &Freeze, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let done = set(freeze, "1").and_then(|()| wait(freeze)).and_then(|()| work());
    done.and(set(freeze, "0"))
}

fn set(freeze: &Freeze, to: &str) -> Result<()> {
    let file = format!("{}/cgroup.freeze", freeze.group);
    fs::write(&file, to).during(|| format!("write {} to {}", to, file))
}

fn wait(freeze: &Freeze) -> Result<()> {
    let file = format!("{}/cgroup.events", freeze.group);
    let until = Instant::now() + freeze.patience;
    let mut looks = 0;
    while !fs::read_to_string(&file).during(|| format!("read {}", file))?.lines().any(|line| line == "frozen 1") {
        if Instant::now() > until {
            return Err(Failure::new("freeze the processes", format!("one of them went on for {} ms", freeze.patience.as_millis())));
        }
        looks += 1;
        if looks > SPINS {
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}
