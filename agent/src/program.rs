//! A program to run, as the agent gives it to the child that becomes it.

use crate::sys::Errno;
use std::convert::TryInto;

/// Numbers before the strings: uid, gid, how many groups, arguments and variables follow, and the
/// size of the terminal.
const NUMBERS: usize = 6;

/// The first byte of what a child is given, where it is a program.
pub const PROGRAM: u8 = 0;

/// Where commands without a slash are looked for when the environment has no PATH.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub cwd: String,
    pub cmd: String,
    /// The directories to look for `cmd` in.
    pub path: String,
    pub args: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Columns and rows of its terminal, if it has one.
    pub terminal: Option<(u16, u16)>,
}

impl Program {
    /// Length first, then what it is, then numbers, then strings that end in NUL (none has one inside).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        out.push(PROGRAM);
        let terminal = self.terminal.map_or(0, |(cols, rows)| u32::from(cols) << 16 | u32::from(rows));
        let numbers = [self.uid, self.gid, self.groups.len() as u32, self.args.len() as u32, self.env.len() as u32, terminal];
        for number in numbers.iter().chain(&self.groups) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let fixed = [&self.cwd, &self.cmd, &self.path];
        for text in fixed.iter().copied().chain(&self.args).chain(&self.env) {
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        let length = (out.len() - 4) as u32;
        out[..4].copy_from_slice(&length.to_le_bytes());
        out
    }
}

/// An encoded program, read in place.
pub struct Encoded<'a> {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub cwd: &'a [u8],
    pub cmd: &'a [u8],
    pub path: &'a [u8],
    /// NUL included, as all the others: ready for exec.
    pub args: Vec<&'a [u8]>,
    pub env: Vec<&'a [u8]>,
    pub terminal: Option<(u16, u16)>,
}

/// One of the numbers of what follows the length and the first byte.
pub fn number(bytes: &[u8], index: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(4 * index..4 * index + 4)?.try_into().ok()?))
}

/// The strings behind the numbers, each with its NUL.
pub fn strings(bytes: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let numbers = NUMBERS + number(bytes, 2)? as usize;
    Some(bytes.get(4 * numbers..)?.split_inclusive(|byte| *byte == 0))
}

/// Tries `exec` on each file that the command may be and gives the errno that tells most. `space` has room for a directory of the path
/// and the command; nothing is allocated.
pub fn search(cmd: &[u8], path: &[u8], space: &mut [u8], mut exec: impl FnMut(&[u8]) -> Errno) -> Errno {
    if cmd.contains(&b'/') {
        return exec(cmd);
    }
    let mut found = libc::ENOENT;
    for directory in path.strip_suffix(&[0]).unwrap_or(path).split(|byte| *byte == b':') {
        let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        let mut length = 0;
        for byte in directory.iter().chain(slash).chain(cmd) {
            match space.get_mut(length) {
                Some(place) => *place = *byte,
                None => return libc::ENAMETOOLONG,
            }
            length += 1;
        }
        match exec(&space[..length]) {
            libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::ELOOP | libc::ENODEV | libc::ESTALE => {}
            libc::EACCES => found = libc::EACCES,
            other => return other,
        }
    }
    found
}

impl<'a> Encoded<'a> {
    /// Reads what follows the length and the first byte.
    pub fn read(bytes: &'a [u8]) -> Option<Encoded<'a>> {
        let number = |index: usize| number(bytes, index);
        let groups = (0..number(2)? as usize).map(|index| number(NUMBERS + index)).collect::<Option<Vec<u32>>>()?;
        let mut strings = strings(bytes)?;
        let (cwd, cmd, path) = (strings.next()?, strings.next()?, strings.next()?);
        let mut take = |count: u32| (0..count).map(|_| strings.next()).collect::<Option<Vec<_>>>();
        let (args, env) = (take(number(3)?)?, take(number(4)?)?);
        let terminal = Some(number(5)?).filter(|size| *size > 0).map(|size| ((size >> 16) as u16, size as u16));
        Some(Encoded { uid: number(0)?, gid: number(1)?, groups, cwd, cmd, path, args, env, terminal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_looked_for_in_each_directory_and_the_error_that_tells_most_is_kept() {
        let errors = |path: &[u8], room: usize, of: &dyn Fn(&[u8]) -> Errno| {
            let mut tried = Vec::new();
            let errno = search(b"sh\0", path, &mut vec![0; room], |file| {
                tried.push(String::from_utf8_lossy(file).into_owned());
                of(file)
            });
            (errno, tried.concat())
        };
        assert_eq!(errors(b"/bin::/a\0", 64, &|_| libc::ENOENT), (libc::ENOENT, "/bin/sh\0sh\0/a/sh\0".into()));
        let denied = |file: &[u8]| if file.starts_with(b"/bin") { libc::EACCES } else { libc::ENOENT };
        assert_eq!(errors(b"/bin:/a\0", 64, &denied).0, libc::EACCES);
        assert_eq!(errors(b"/bin:/a\0", 64, &|_| libc::ENOEXEC), (libc::ENOEXEC, "/bin/sh\0".into()));
        assert_eq!(errors(b"/bin:/a\0", 7, &|_| libc::ENOENT), (libc::ENAMETOOLONG, "".into()));
        assert_eq!(search(b"/x/sh\0", b"/bin\0", &mut [], |file| file.len() as Errno), 6);
    }

    #[test]
    fn a_program_is_read_as_it_was_written() {
        let program = Program {
            uid: 7,
            gid: 8,
            groups: vec![1, 2],
            cwd: "/root".into(),
            cmd: "sh".into(),
            path: "/bin".into(),
            args: vec!["sh".into(), "".into()],
            env: vec!["A=b".into()],
            terminal: Some((80, 24)),
        };
        let bytes = program.encode();
        let read = Encoded::read(&bytes[5..]).unwrap();
        assert_eq!(read.terminal, Some((80, 24)));
        assert_eq!((read.uid, read.gid, read.groups), (7, 8, vec![1, 2]));
        assert_eq!((read.cwd, read.cmd, read.path), (&b"/root\0"[..], &b"sh\0"[..], &b"/bin\0"[..]));
        assert_eq!(read.args, vec![&b"sh\0"[..], &b"\0"[..]]);
        assert_eq!(read.env, vec![&b"A=b\0"[..]]);
        for cut in 0..bytes.len() - 6 {
            assert!(Encoded::read(&bytes[5..5 + cut]).map_or(true, |part| part.env != vec![&b"A=b\0"[..]]));
        }
    }
}
