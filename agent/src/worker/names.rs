//! Names of users and groups, from files that the capsule writes as it likes.

use super::calls;
use super::path::text;
use std::collections::HashMap;

/// Most bytes that are read of /etc/passwd and of /etc/group.
pub const MAX_NAMES_FILE: usize = 1 << 20;
/// Most bytes of a name; a longer one is told by its number.
const MAX_NAME: usize = 256;

#[derive(Default)]
pub struct Names {
    users: Option<HashMap<u32, String>>,
    groups: Option<HashMap<u32, String>>,
}

impl Names {
    /// The name of a user, or its number where it has none.
    pub fn user(&mut self, uid: u32) -> String {
        find(&mut self.users, b"/etc/passwd", uid)
    }

    pub fn group(&mut self, gid: u32) -> String {
        find(&mut self.groups, b"/etc/group", gid)
    }
}

fn find(names: &mut Option<HashMap<u32, String>>, path: &[u8], id: u32) -> String {
    let names = names.get_or_insert_with(|| parse(&read(path).unwrap_or_default()));
    names.get(&id).cloned().unwrap_or_else(|| id.to_string())
}

fn read(path: &[u8]) -> Option<Vec<u8>> {
    let root = calls::root().ok()?;
    let file = calls::open(&root, &text(path), libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY, 0).ok()?;
    calls::about(&file).ok().filter(|about| calls::is(about, libc::S_IFREG))?;
    let mut bytes = vec![0; MAX_NAMES_FILE];
    let mut held = 0;
    while held < bytes.len() {
        match calls::read_at(&file, &mut bytes[held..], held as u64) {
            Ok(got) if got > 0 => held += got,
            _ => break,
        }
    }
    bytes.truncate(held);
    Some(bytes)
}

/// The first name of each number: both files have it in their third field.
fn parse(bytes: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b':');
        let (name, id) = (fields.next().unwrap_or(&[]), fields.nth(1).unwrap_or(&[]));
        let id = std::str::from_utf8(id).ok().and_then(|id| id.parse::<u32>().ok());
        if let (Some(id), Ok(name)) = (id, std::str::from_utf8(name)) {
            if !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control) {
                names.entry(id).or_insert_with(|| name.to_string());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_what_is_well_formed_and_nothing_else() {
        let long = "x".repeat(300);
        let text = format!("root:x:0:0::/root:/bin/sh\nalias:x:0:0\n:x:1:\n{}:x:2:\na\u{7}b:x:3:\nno:x:-4:\nx\nu:p:5", long);
        let names = parse(&[text.as_bytes(), b"\n\xff:x:6:\n"].concat());
        assert_eq!(names.get(&0).map(String::as_str), Some("root"));
        assert_eq!(names.get(&5).map(String::as_str), Some("u"));
        assert_eq!(names.len(), 2);
    }
}
