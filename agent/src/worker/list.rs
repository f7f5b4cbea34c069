//! `list`: what is in a directory, and below it to a depth. In order: what is in a directory by its
//! bytes, and what is below a directory right behind it. So a page goes on behind any path, and
//! needs memory for one page only, whatever the directories hold.

use super::calls::{self, Names as Listing};
use super::entry::{entry, put};
use super::names::Names;
use super::path::text;
use super::request;
use super::stop::{refused, Stop};
use crate::refusal::Refusal;
use crate::request::{number, wrong, Object};
use crate::sys::Errno;
use serde_json::{json, Value};
use std::collections::BinaryHeap;
use std::os::unix::io::OwnedFd;

/// Most levels of one list.
pub const MAX_DEPTH: u64 = 256;
/// Most entries of one page.
pub const MAX_LIMIT: u64 = 10_000;
pub const DEFAULT_LIMIT: u64 = 1000;
/// Bytes of a page, beside which a frame has room for the rest.
const BUDGET: usize = crate::frame::MAX_PAYLOAD - 64 * 1024;

struct Page {
    entries: Vec<Value>,
    names: Names,
    limit: usize,
    bytes: usize,
    /// There is more than the page holds.
    more: bool,
    last: Vec<u8>,
}

pub fn run(object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let depth = bounded(object, "depth", 1, MAX_DEPTH)?;
    let limit = bounded(object, "limit", DEFAULT_LIMIT, MAX_LIMIT)? as usize;
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    let mut prefix = path[..end].to_vec();
    let after = match request::optional_path(object, "after", "after_base64")? {
        None => Vec::new(),
        Some(after) => match after.strip_prefix(prefix.as_slice()) {
            Some(rest) if rest.first() == Some(&b'/') => rest[1..].to_vec(),
            _ => return Err(wrong("after", "must be below the path").into()),
        },
    };
    let root = calls::root().map_err(|errno| refused(errno, &path))?;
    let dir = calls::open(&root, &text(&path), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NONBLOCK, 0)
        .map_err(|errno| refused(errno, &path))?;
    let mut page = Page { entries: Vec::new(), names: Names::default(), limit, bytes: 0, more: false, last: Vec::new() };
    let after: Vec<&[u8]> = after.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    descend(&dir, &mut prefix, depth, &after, &mut page).map_err(|errno| refused(errno, &path))?;
    let mut result = json!({"entries": page.entries, "next": null});
    if page.more {
        put(&mut result, "next", &page.last);
    }
    Ok(result)
}

fn bounded(object: &Object, field: &'static str, default: u64, most: u64) -> Result<u64, Refusal> {
    match number(object, field, default)? {
        value if (1..=most).contains(&value) => Ok(value),
        _ => Err(Refusal::of(crate::refusal::Code::BadRequest, field, format!("must be 1 to {}", most))),
    }
}

/// The first `count` names of a directory from `from` on (or behind it), in order.
fn first_names(dir: &OwnedFd, count: usize, from: &[u8], behind: bool) -> Result<Vec<Vec<u8>>, Errno> {
    let mut heap: BinaryHeap<Vec<u8>> = BinaryHeap::new();
    let mut listing = Listing::of(dir)?;
    while let Some((name, _)) = listing.next()? {
        let name = name.into_bytes();
        if name.as_slice() < from || (behind && name == from) {
            continue;
        }
        if heap.len() < count {
            heap.push(name);
        } else if heap.peek().map_or(false, |last| name < *last) {
            heap.pop();
            heap.push(name);
        }
    }
    Ok(heap.into_sorted_vec())
}

/// Lists a directory. `after`: the names, from here on, of the path behind which the page begins.
fn descend(dir: &OwnedFd, path: &mut Vec<u8>, depth: u64, after: &[&[u8]], page: &mut Page) -> Result<(), Errno> {
    let (mut from, mut behind) = (after.first().map_or(Vec::new(), |name| name.to_vec()), false);
    loop {
        let count = page.limit - page.entries.len() + 1;
        let names = first_names(dir, count, &from, behind)?;
        for name in &names {
            let is_after = !behind && after.first() == Some(&name.as_slice());
            let length = path.len();
            path.push(b'/');
            path.extend_from_slice(name);
            let below: &[&[u8]] = if is_after { &after[1..] } else { &[] };
            one(dir, name, path, depth, is_after, below, page);
            path.truncate(length);
            if page.more {
                return Ok(());
            }
        }
        match names.last() {
            Some(last) if names.len() == count => from = last.clone(),
            _ => return Ok(()),
        }
        behind = true;
    }
}

/// Puts one entry and what is below it on the page. What is gone meanwhile is left out.
fn one(dir: &OwnedFd, name: &[u8], path: &mut Vec<u8>, depth: u64, seen: bool, after: &[&[u8]], page: &mut Page) {
    let name = text(name);
    let about = match calls::about_at(dir, &name) {
        Ok(about) => about,
        Err(_) => return,
    };
    if !seen {
        let entry = entry(dir, &name, path, &about, &mut page.names);
        let size = entry.to_string().len() + 1;
        if page.entries.len() >= page.limit || (page.bytes + size > BUDGET && !page.entries.is_empty()) {
            page.more = true;
            return;
        }
        page.bytes += size;
        page.entries.push(entry);
        page.last = path.clone();
    }
    if depth > 1 && calls::is(&about, libc::S_IFDIR) {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let below = calls::open(dir, &name, flags, 0).and_then(|child| descend(&child, path, depth - 1, after, page));
        let unreadable = below.is_err() && below != Err(libc::ENOENT) && !seen;
        if let Some(entry) = page.entries.last_mut().filter(|_| unreadable) {
            entry["unreadable"] = true.into();
        }
    }
}
