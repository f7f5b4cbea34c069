//! The tar format: members as ustar with pax headers where that is too narrow; GNU's long names are read too.

use std::convert::TryFrom;

pub const BLOCK: usize = 512;
/// Most bytes of a pax header or a long name.
pub const MAX_EXTRA: u64 = 1 << 20;

/// Name and link fields, and the most that octal digits can say.
const NAME: usize = 100;
const MAX_ID: u64 = 0o7_777_777;
const MAX_NUMBER: u64 = 0o77_777_777_777;

pub const FILE: u8 = b'0';
pub const HARD_LINK: u8 = b'1';
pub const LINK: u8 = b'2';
pub const DIRECTORY: u8 = b'5';
pub const PAX: u8 = b'x';
pub const PAX_GLOBAL: u8 = b'g';
pub const LONG_NAME: u8 = b'L';
pub const LONG_LINK: u8 = b'K';
/// GNU's sparse files: what follows is no bytes of theirs alone.
pub const SPARSE: u8 = b'S';

/// One member's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub path: Vec<u8>,
    pub kind: u8,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
    pub mtime: i64,
    /// What a link leads to.
    pub link: Vec<u8>,
}

fn octal(out: &mut [u8], value: u64) {
    let digits = format!("{:0width$o}", value, width = out.len() - 1);
    out[..digits.len()].copy_from_slice(digits.as_bytes());
}

fn sum(block: &[u8]) -> (u64, i64) {
    let counted = |at: usize| if (148..156).contains(&at) { b' ' } else { block[at] };
    (0..BLOCK).fold((0, 0), |(plain, signed), at| (plain + u64::from(counted(at)), signed + i64::from(counted(at) as i8)))
}

fn block(member: &Member) -> [u8; BLOCK] {
    let mut out = [0; BLOCK];
    let name = &member.path[..member.path.len().min(NAME)];
    out[..name.len()].copy_from_slice(name);
    octal(&mut out[100..108], u64::from(member.mode & 0o7777));
    octal(&mut out[108..116], if member.uid > MAX_ID { 0 } else { member.uid });
    octal(&mut out[116..124], if member.gid > MAX_ID { 0 } else { member.gid });
    octal(&mut out[124..136], if member.size > MAX_NUMBER { 0 } else { member.size });
    octal(&mut out[136..148], (member.mtime.max(0) as u64).min(MAX_NUMBER));
    out[156] = member.kind;
    let link = &member.link[..member.link.len().min(NAME)];
    out[157..157 + link.len()].copy_from_slice(link);
    out[257..265].copy_from_slice(b"ustar\x0000");
    let checksum = sum(&out).0;
    octal(&mut out[148..155], checksum);
    out[155] = b' ';
    out
}

/// `length key=value\n`, where the length counts itself.
fn record(key: &str, value: &[u8], out: &mut Vec<u8>) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{} {}=", length, key).as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Zeros behind what has this many bytes.
pub fn padding(size: u64) -> usize {
    ((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64) as usize
}

/// All that stands before a member's bytes.
pub fn encode(member: &Member) -> Vec<u8> {
    let mut extra = Vec::new();
    if member.path.len() > NAME {
        record("path", &member.path, &mut extra);
    }
    if member.link.len() > NAME {
        record("linkpath", &member.link, &mut extra);
    }
    for (key, value, most) in [("uid", member.uid, MAX_ID), ("gid", member.gid, MAX_ID), ("size", member.size, MAX_NUMBER)] {
        if value > most {
            record(key, value.to_string().as_bytes(), &mut extra);
        }
    }
    if member.mtime < 0 || member.mtime as u64 > MAX_NUMBER {
        record("mtime", member.mtime.to_string().as_bytes(), &mut extra);
    }
    let mut out = Vec::new();
    if !extra.is_empty() {
        let head = Member { path: b"pax".to_vec(), kind: PAX, mode: 0o644, size: extra.len() as u64, ..Member::default() };
        out.extend_from_slice(&block(&head));
        out.extend_from_slice(&extra);
        out.resize(out.len() + padding(extra.len() as u64), 0);
    }
    out.extend_from_slice(&block(member));
    out
}

fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    &field[..end]
}

fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 {
        // A number of base 256, of which the first bit says so; the second one is its sign.
        let first = i128::from(field[0] & 0x7f) - if field[0] & 0x40 != 0 { 0x80 } else { 0 };
        let value = field[1..].iter().fold(first, |value, byte| value << 8 | i128::from(*byte));
        return i64::try_from(value).ok();
    }
    let digits = std::str::from_utf8(text(field)).ok()?.trim_matches(' ');
    if digits.is_empty() {
        return Some(0);
    }
    if !digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return None;
    }
    i64::from_str_radix(digits, 8).ok()
}

/// Reads a header; none where it is none.
pub fn decode(block: &[u8; BLOCK]) -> Option<Member> {
    let told = number(&block[148..156])?;
    let (plain, signed) = sum(block);
    if told as u64 != plain && told != signed {
        return None;
    }
    let natural = |value: i64| if value < 0 { None } else { Some(value as u64) };
    let mut path = text(&block[..100]).to_vec();
    if &block[257..263] == b"ustar\x00" && block[345] != 0 {
        path = [text(&block[345..500]), b"/", &path].concat();
    }
    // Before there was a kind for them, directories were files with such a name.
    let is_old_directory = block[156] == 0 && path.ends_with(b"/");
    Some(Member {
        path,
        kind: if is_old_directory {
            DIRECTORY
        } else if block[156] == 0 {
            FILE
        } else {
            block[156]
        },
        mode: (number(&block[100..108])? & 0o7777) as u32,
        uid: natural(number(&block[108..116])?)?,
        gid: natural(number(&block[116..124])?)?,
        size: natural(number(&block[124..136])?)?,
        mtime: number(&block[136..148])?,
        link: text(&block[157..257]).to_vec(),
    })
}

/// Puts what a pax header says into the member it stands before. None where it is malformed, or
/// says what is not understood and matters.
pub fn apply(extra: &[u8], member: &mut Member) -> Option<()> {
    let mut left = extra;
    while !left.is_empty() {
        let space = left.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&left[..space]).ok()?.parse().ok()?;
        let body = left.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = body.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&body[..equals], &body[equals + 1..]);
        let whole = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        match key {
            b"path" if !value.is_empty() => member.path = value.to_vec(),
            b"linkpath" => member.link = value.to_vec(),
            b"size" => member.size = whole()?,
            b"uid" => member.uid = whole()?,
            b"gid" => member.gid = whole()?,
            b"mtime" => {
                let seconds = std::str::from_utf8(value).ok()?.split('.').next()?;
                member.mtime = seconds.parse().ok()?;
            }
            _ if key.starts_with(b"GNU.sparse") => return None,
            _ => {}
        }
        left = &left[length..];
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(bytes: &[u8]) -> Member {
        let head = |at: usize| decode(&<[u8; BLOCK]>::try_from(&bytes[at..at + BLOCK]).unwrap()).unwrap();
        let first = head(0);
        if first.kind != PAX {
            return first;
        }
        let (from, size) = (BLOCK, first.size as usize);
        let mut member = head(from + size + padding(first.size));
        apply(&bytes[from..from + size], &mut member).unwrap();
        member
    }

    #[test]
    fn every_member_comes_back_whatever_its_sizes() {
        for length in [1, 9, 90, 99, 100, 101, 110, 255, 989, 990, 991, 4095, 9_990, 100_000] {
            for number in [0, 1, MAX_ID, MAX_ID + 1, MAX_NUMBER, MAX_NUMBER + 1, u64::from(u32::MAX), 1 << 62] {
                let member = Member {
                    path: (0..length).map(|at| b'a' + (at % 26) as u8).collect(),
                    kind: LINK,
                    mode: 0o7777,
                    uid: number,
                    gid: number / 3,
                    size: number,
                    mtime: number as i64 * if length % 2 == 0 { -1 } else { 1 },
                    link: vec![b'l'; length],
                };
                let bytes = encode(&member);
                assert_eq!(bytes.len() % BLOCK, 0);
                assert_eq!(back(&bytes), member, "{} {}", length, number);
            }
        }
    }

    #[test]
    fn a_changed_byte_of_a_header_is_never_read_as_the_same_member_and_never_a_panic() {
        let member = Member { path: b"a/b".to_vec(), kind: FILE, mode: 0o644, uid: 1, gid: 2, size: 3, mtime: 4, link: Vec::new() };
        let bytes = block(&member);
        for at in 0..BLOCK {
            for value in [0, 1, b' ', b'0', 0x80, 0xff] {
                let mut changed = bytes;
                changed[at] = value;
                let read = decode(&changed);
                assert!(read.is_none() || changed == bytes || (148..156).contains(&at), "byte {} = {}", at, value);
            }
        }
        assert_eq!(decode(&[0; BLOCK]), None);
    }

    #[test]
    fn pax_headers_of_any_bytes_are_read_or_refused() {
        let mut extra = Vec::new();
        record("path", b"p", &mut extra);
        record("mtime", b"12.5", &mut extra);
        let mut member = Member::default();
        assert_eq!(apply(&extra, &mut member), Some(()));
        assert_eq!((member.path.as_slice(), member.mtime), (&b"p"[..], 12));
        for cut in 1..extra.len() {
            let _ = apply(&extra[..cut], &mut member);
        }
        let bad: [&[u8]; 8] = [
            b"0 a=b\n",
            b"99 a=b\n",
            b"x",
            b"6 a=b",
            b"5 abc\n",
            b"18446744073709551615 a=b\n",
            b"12 size=-1\n",
            b"24 GNU.sparse.major=1\n\n\n",
        ];
        for text in bad {
            assert_eq!(apply(text, &mut Member::default()), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_file_of_the_oldest_form_whose_name_ends_as_a_directorys_is_one() {
        let of = |path: &[u8], kind| decode(&block(&Member { path: path.to_vec(), kind, ..Member::default() })).unwrap().kind;
        assert_eq!((of(b"a/", 0), of(b"a", 0), of(b"a/", FILE)), (DIRECTORY, FILE, FILE));
    }

    #[test]
    fn numbers_of_base_256_are_read_and_those_that_are_too_great_are_refused() {
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(number(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(b" 17 \0\0\0\0"), Some(15));
        assert_eq!(number(b"+7\0\0\0\0\0\0"), None);
    }
}
