//! `ports`: the TCP ports that something in the capsule listens on.

use super::calls::{self, Names};
use super::path::text;
use super::stop::{refused, Stop};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most bytes that are read of /proc/net/tcp and of /proc/net/tcp6.
const MAX_TABLE: usize = 8 << 20;
/// Most ports that are told.
pub const MAX_PORTS: usize = 4096;
/// Most descriptors that are looked at for who listens.
const MAX_DESCRIPTORS: usize = 65_536;
/// The state of a listening socket in the tables.
const LISTEN: &str = "0A";

struct Listener {
    address: IpAddr,
    port: u16,
    inode: u64,
}

pub fn run() -> Result<Value, Stop> {
    let mut all = Vec::new();
    for path in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        all.extend(table(path.as_bytes()).map_err(|errno| refused(errno, path.as_bytes()))?);
    }
    all.sort_by_key(|one| (one.port, one.address));
    all.truncate(MAX_PORTS);
    let pids = owners(&all);
    let told = |one: &Listener| json!({"port": one.port, "address": one.address.to_string(), "pid": pids.get(&one.inode)});
    Ok(json!({"ports": all.iter().map(told).collect::<Vec<Value>>()}))
}

fn table(path: &[u8]) -> Result<Vec<Listener>, i32> {
    let root = calls::root()?;
    let file = match calls::open(&root, &text(path), libc::O_RDONLY, 0) {
        Err(libc::ENOENT) => return Ok(Vec::new()),
        other => other?,
    };
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while bytes.len() < MAX_TABLE {
        match calls::read_at(&file, &mut buffer, bytes.len() as u64)? {
            0 => break,
            got => bytes.extend_from_slice(&buffer[..got]),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect())
}

/// `sl local_address rem_address st … inode`: addresses are 32-bit words in the byte order of the machine.
fn parse(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(address.get(8 * at..8 * at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[4 * at..4 * at + 4].copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(Listener { address, port: u16::from_str_radix(port, 16).ok()?, inode: fields.get(9)?.parse().ok()? })
}

/// Who has which of these sockets open, as far as that can be seen from here.
fn owners(listeners: &[Listener]) -> BTreeMap<u64, i32> {
    let mut owners = BTreeMap::new();
    let mut looked = 0;
    let root = match calls::root() {
        Ok(root) => root,
        Err(_) => return owners,
    };
    for pid in crate::procfs::pids() {
        if owners.len() == listeners.len() || looked >= MAX_DESCRIPTORS {
            break;
        }
        let path = text(format!("/proc/{}/fd", pid).as_bytes());
        let opened = calls::open(&root, &path, libc::O_RDONLY | libc::O_DIRECTORY, 0);
        let dir = match &opened {
            Ok(dir) => dir,
            Err(_) => continue,
        };
        let mut names = match Names::of(dir) {
            Ok(names) => names,
            Err(_) => continue,
        };
        while let Ok(Some((name, _))) = names.next() {
            looked += 1;
            let link = calls::read_link(dir, &name).unwrap_or_default();
            let inode =
                std::str::from_utf8(&link).ok().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok());
            if let Some(inode) = inode.filter(|inode| listeners.iter().any(|one| one.inode == *inode)) {
                owners.entry(inode).or_insert(pid);
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_ports_are_read_and_other_lines_are_not() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000000000000000 100 0 0 10 0";
        let one = parse(line).unwrap();
        assert_eq!((one.address, one.port, one.inode), ("127.0.0.1".parse().unwrap(), 8080, 4242));
        let six = line.replace("0100007F", "00000000000000000000000001000000");
        assert_eq!(parse(&six).unwrap().address, "::1".parse::<IpAddr>().unwrap());
        for bad in [line.replace("0A 0000", "01 0000"), line.replace("0100007F", "01"), line.replace("4242", "x"), String::new()] {
            assert!(parse(&bad).is_none(), "{}", bad);
        }
    }
}
