//! What the launcher tells the agent, once, in a memory file.

use crate::op::start::LOST_GRACE_S;
use crate::process::Reason;
use crate::retention::KEPT_S;
use crate::sys;
use serde_json::Value;
use std::os::unix::io::OwnedFd;

/// Most bytes of settings.
const MAX_SETTINGS: usize = 64 * 1024;

pub struct Settings {
    /// The capsule's id.
    pub capsule: String,
    /// What a host must say in `hello`.
    pub secret: String,
    /// How many `tasks` files follow.
    pub join: usize,
    /// Why processes ended that an earlier life of the capsule left without an end.
    pub previous: Reason,
    pub journal: Bounds,
    /// Seconds of unfrozen time for which ended processes that are not plain stay known.
    pub kept_s: u64,
    /// Seconds of unfrozen time that a foreground process without a timeout outlives its host.
    pub lost_grace_s: u64,
}

/// What journals may take on disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub process: u64,
    pub capsule: u64,
    /// Bytes written in a second.
    pub rate: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { process: 256 << 20, capsule: 1 << 30, rate: 256 << 20 }
    }
}

impl Bounds {
    fn read(value: &Value) -> Bounds {
        let usual = Bounds::default();
        let bytes = |name: &str, usual: u64| value[name].as_u64().filter(|bytes| *bytes > 0).unwrap_or(usual);
        Bounds {
            process: bytes("process_bytes", usual.process),
            capsule: bytes("capsule_bytes", usual.capsule),
            rate: bytes("rate_bytes", usual.rate),
        }
    }
}

impl Settings {
    /// Reads them from the start of `file`, whatever its position.
    pub fn read(file: &OwnedFd) -> Result<Settings, String> {
        let mut bytes = vec![0; MAX_SETTINGS];
        let length = sys::pread(file, &mut bytes).map_err(|errno| format!("cannot read the settings: errno {}", errno))?;
        Settings::parse(&bytes[..length])
    }

    fn parse(bytes: &[u8]) -> Result<Settings, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| "the settings are not JSON".to_string())?;
        let text = |name: &str| match value[name].as_str() {
            Some(text) if !text.is_empty() => Ok(text.to_string()),
            _ => Err(format!("the settings have no {}", name)),
        };
        let (capsule, secret) = (text("capsule")?, text("secret")?);
        if secret.len() != 64 {
            return Err("the secret has not 64 characters".to_string());
        }
        let join = value["join"].as_u64().unwrap_or(0).min(64) as usize;
        let previous = match value["previous"].as_str() {
            None | Some("agent_lost") => Reason::AgentLost,
            Some("host_restarted") => Reason::HostRestarted,
            Some("capsule_stopped") => Reason::CapsuleStopped,
            Some(_) => return Err("previous is none of agent_lost, host_restarted and capsule_stopped".to_string()),
        };
        let seconds = |name: &str, usual: u64| value[name].as_u64().filter(|n| (1..=u64::from(u32::MAX)).contains(n)).unwrap_or(usual);
        let (kept_s, lost_grace_s) = (seconds("kept_s", KEPT_S), seconds("lost_grace_s", LOST_GRACE_S));
        Ok(Settings { capsule, secret, join, previous, journal: Bounds::read(&value["journal"]), kept_s, lost_grace_s })
    }

    /// Whether this is the secret, in a time that does not tell how much of it is right.
    pub fn is_secret(&self, claimed: &str) -> bool {
        let (own, other) = (self.secret.as_bytes(), claimed.as_bytes());
        own.len() == other.len() && own.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_a_whole_secret_are_refused() {
        assert!(Settings::parse(b"{}").is_err());
        assert!(Settings::parse(br#"{"capsule":"cl-a","secret":"ab"}"#).is_err());
        let text = format!(r#"{{"capsule":"cl-a","secret":"{}","join":9}}"#, "ab".repeat(32));
        let settings = Settings::parse(text.as_bytes()).unwrap();
        assert_eq!(settings.join, 9);
        assert!(settings.is_secret(&"ab".repeat(32)));
        assert!(!settings.is_secret(&"ba".repeat(32)));
        assert!(!settings.is_secret(""));
        assert_eq!((settings.previous, settings.journal, settings.kept_s), (Reason::AgentLost, Bounds::default(), KEPT_S));
    }

    #[test]
    fn the_bounds_of_journals_and_the_last_end_are_read() {
        let parse = |more: &str| Settings::parse(format!(r#"{{"capsule":"cl-a","secret":"{}",{}}}"#, "ab".repeat(32), more).as_bytes());
        assert_eq!([parse(r#""kept_s":7"#).unwrap().kept_s, parse(r#""kept_s":0"#).unwrap().kept_s], [7, KEPT_S]);
        let settings = parse(r#""previous":"host_restarted","journal":{"process_bytes":7,"rate_bytes":0}"#).unwrap();
        let expected = Bounds { process: 7, ..Bounds::default() };
        assert_eq!((settings.previous, settings.journal), (Reason::HostRestarted, expected));
        assert!(parse(r#""previous":"gone""#).is_err());
    }
}
