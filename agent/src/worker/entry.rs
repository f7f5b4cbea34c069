//! What is told of a file.

use super::calls::{self, About};
use super::digits::to_base64;
use super::names::Names;
use serde_json::{json, Value};
use std::ffi::CStr;
use std::os::unix::io::OwnedFd;

pub fn type_of(about: &About) -> &'static str {
    match about.st_mode & libc::S_IFMT {
        libc::S_IFREG => "file",
        libc::S_IFDIR => "directory",
        libc::S_IFLNK => "symlink",
        _ => "other",
    }
}

/// The form of `ls -l`.
fn permissions(mode: u32) -> String {
    let first = match mode & libc::S_IFMT {
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'l',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 's',
        libc::S_IFCHR => 'c',
        libc::S_IFBLK => 'b',
        _ => '-',
    };
    let mut text = String::from(first);
    for (shift, special, marks) in [(6, libc::S_ISUID, ['s', 'S']), (3, libc::S_ISGID, ['s', 'S']), (0, libc::S_ISVTX, ['t', 'T'])] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => marks[0],
            (true, false) => marks[1],
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

pub fn modified_ms(about: &About) -> i64 {
    about.st_mtime.saturating_mul(1000).saturating_add(about.st_mtime_nsec / 1_000_000)
}

/// Puts a name into an object: as text, and in base64 beside it where it is none.
pub fn put(object: &mut Value, field: &str, bytes: &[u8]) {
    object[field] = String::from_utf8_lossy(bytes).into();
    if std::str::from_utf8(bytes).is_err() {
        object[format!("{}_base64", field).as_str()] = to_base64(bytes).into();
    }
}

/// The facts of `name` in `dir`, which has this path.
pub fn entry(dir: &OwnedFd, name: &CStr, path: &[u8], about: &About, names: &mut Names) -> Value {
    let mut entry = json!({
        "type": type_of(about), "size": about.st_size, "mode": about.st_mode & 0o7777,
        "permissions": permissions(about.st_mode), "uid": about.st_uid, "gid": about.st_gid,
        "owner": names.user(about.st_uid), "group": names.group(about.st_gid), "modified_at_ms": modified_ms(about),
    });
    let path = if path.iter().all(|byte| *byte == b'/') { b"/" } else { path };
    let last = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    put(&mut entry, "name", if path.len() > 1 { &path[last..] } else { path });
    put(&mut entry, "path", path);
    if calls::is(about, libc::S_IFLNK) {
        put(&mut entry, "symlink_target", &calls::read_link(dir, name).unwrap_or_default());
        entry["target_type"] = calls::about_target(dir, name).ok().map(|about| type_of(&about)).into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_told_as_ls_does() {
        let cases = [
            (libc::S_IFREG | 0o644, "-rw-r--r--"),
            (libc::S_IFDIR | 0o1777, "drwxrwxrwt"),
            (libc::S_IFREG | 0o6750, "-rwsr-s---"),
            (libc::S_IFREG | 0o7000, "---S--S--T"),
            (libc::S_IFLNK | 0o777, "lrwxrwxrwx"),
            (libc::S_IFIFO, "p---------"),
        ];
        for (mode, text) in cases {
            assert_eq!(permissions(mode), text);
        }
    }
}
