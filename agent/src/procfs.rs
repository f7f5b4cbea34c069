//! What /proc tells about the processes of the capsule. All of it is written by them: every length
//! is bounded, and nothing is trusted to be text.

use crate::sys;
use std::os::unix::io::AsRawFd;

/// Most processes that one walk looks at.
pub const MAX_WALK: usize = 65_536;
/// Most bytes of a command line.
pub const MAX_CMDLINE: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub ppid: i32,
    pub is_zombie: bool,
    /// Clock ticks since boot.
    pub start_ticks: u64,
}

/// All pids but the agent's own.
pub fn pids() -> Vec<i32> {
    let mut pids = Vec::new();
    let dir = match sys::open_at(None, b"/proc\0", libc::O_RDONLY | libc::O_DIRECTORY) {
        Ok(dir) => dir,
        Err(_) => return pids,
    };
    let mut buffer = vec![0u8; 32 * 1024];
    while pids.len() < MAX_WALK {
        // SAFETY: the buffer is valid for its length.
        let got = unsafe { libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
        let end = match sys::check(got) {
            Ok(end) if end > 0 => end,
            _ => break,
        };
        let mut at = 0;
        // An entry: inode and offset (8 bytes each), its length (2), type (1), name.
        while let Some(entry) = buffer.get(at..end).filter(|entry| entry.len() > 19) {
            let length = usize::from(u16::from_ne_bytes([entry[16], entry[17]]));
            let name = entry.get(19..length.min(entry.len())).unwrap_or(&[]);
            let digits: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
            let pid = std::str::from_utf8(&digits).ok().and_then(|text| text.parse::<i32>().ok());
            pids.extend(pid.filter(|pid| *pid > 1));
            at += length.max(19);
        }
    }
    pids.truncate(MAX_WALK);
    pids
}

fn file(pid: i32, name: &str, buffer: &mut [u8]) -> usize {
    let path = format!("/proc/{}/{}\0", pid, name);
    sys::open_at(None, path.as_bytes(), libc::O_RDONLY).and_then(|file| sys::read(&file, buffer)).unwrap_or(0)
}

pub fn stat(pid: i32) -> Option<Stat> {
    let mut text = [0; 1024];
    let length = file(pid, "stat", &mut text);
    parse_stat(&text[..length])
}

fn parse_stat(text: &[u8]) -> Option<Stat> {
    // The name in parentheses may hold anything, parentheses too.
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&text[end + 1..]).ok()?.split_ascii_whitespace().collect();
    Some(Stat { is_zombie: *fields.first()? == "Z", ppid: fields.get(1)?.parse().ok()?, start_ticks: fields.get(19)?.parse().ok()? })
}

/// Command and arguments of a command line, as valid text; the name in brackets for a process that has none, or whose line could not
/// be read. A name is the kernel's own, so that reading it never waits.
pub fn command(pid: i32, line: &[u8]) -> (String, Vec<String>) {
    if line.is_empty() {
        let mut name = [0; 64];
        let length = file(pid, "comm", &mut name);
        let text = String::from_utf8_lossy(&name[..length]);
        return (format!("[{}]", text.trim_end_matches('\n')), Vec::new());
    }
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    let mut parts = line.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    (parts.next().unwrap_or_default(), parts.collect())
}

/// Unix milliseconds of a start that is told in clock ticks since boot.
pub fn started_ms(ticks: u64) -> u64 {
    let mut boot = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the struct; sysconf has no preconditions.
    let per_second = unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut boot);
        libc::sysconf(libc::_SC_CLK_TCK).max(1) as u64
    };
    let since_boot = boot.tv_sec as u64 * 1000 + boot.tv_nsec as u64 / crate::clock::MS;
    let now = crate::clock::unix() / crate::clock::MS;
    now.saturating_sub(since_boot.saturating_sub(ticks.saturating_mul(1000) / per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        let rest = "S 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        let text = format!("42 (a) R (b \u{e9}) {}\n", rest);
        assert_eq!(parse_stat(text.as_bytes()), Some(Stat { ppid: 7, is_zombie: false, start_ticks: 4242 }));
        assert_eq!(parse_stat(b""), None);
        assert_eq!(parse_stat(b"42 (a"), None);
    }
}
