//! How many processes the kernel has killed for the capsule's memory limit.

use crate::sys;
use std::os::unix::io::OwnedFd;

/// The counter's file, in the form of either cgroup version.
pub struct OomCounter {
    file: Option<OwnedFd>,
    last: u64,
}

impl OomCounter {
    pub fn new(file: Option<OwnedFd>) -> OomCounter {
        OomCounter { file, last: 0 }
    }

    /// The count now; the last one known where the file cannot be read.
    pub fn read(&mut self) -> u64 {
        let mut text = [0; 512];
        if let Some(file) = &self.file {
            if let Ok(length) = sys::pread(file, &mut text) {
                self.last = parse(&text[..length]).unwrap_or(self.last);
            }
        }
        self.last
    }
}

fn parse(text: &[u8]) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"oom_kill "))?;
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_in_the_files_of_both_cgroup_versions() {
        assert_eq!(parse(b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3));
        assert_eq!(parse(b"low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(parse(b"low 0\n"), None);
    }
}
