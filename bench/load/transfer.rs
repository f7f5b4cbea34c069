//! One file in or out over HTTP/1.1, as fast as the other side takes or gives it. What goes in is made here, what comes
//! out is read and dropped, so that neither a disk nor a check of the client's stands in the way.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Bytes of one write and of one read.
const PIECE: usize = 256 * 1024;
/// Most bytes of an answer's head.
const HEAD: usize = 64 * 1024;

/// Sends the head of a request and `bytes` behind it, and waits for the whole answer's head.
pub fn upload(address: &str, head: &[u8], bytes: u64) -> std::result::Result<String, String> {
    let run = || -> Result<String> {
        let mut socket = connect(address)?;
        let piece = noise();
        let began = Instant::now();
        socket.write_all(head)?;
        let mut left = bytes;
        while left > 0 {
            let count = left.min(PIECE as u64) as usize;
            socket.write_all(&piece[..count])?;
            left -= count as u64;
        }
        answer(&mut socket)?;
        Ok(told(bytes, began))
    };
    run().map_err(|error| error.to_string())
}

/// Sends a request and reads as many bytes as the answer's head tells.
pub fn download(address: &str, request: &[u8]) -> std::result::Result<String, String> {
    let run = || -> Result<String> {
        let mut socket = connect(address)?;
        let began = Instant::now();
        socket.write_all(request)?;
        let (head, early) = answer(&mut socket)?;
        let bytes = length(&head).ok_or_else(|| broken(format!("an answer without a length: {}", head)))?;
        let mut left = bytes.saturating_sub(early as u64);
        let mut buffer = vec![0; PIECE];
        while left > 0 {
            match socket.read(&mut buffer)? {
                0 => return Err(broken(format!("the answer ended {} bytes early", left))),
                count => left = left.saturating_sub(count as u64),
            }
        }
        Ok(told(bytes, began))
    };
    run().map_err(|error| error.to_string())
}

fn connect(address: &str) -> Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Bytes that nothing between here and the disk can make smaller.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..PIECE / 8).flat_map(|_| next().to_le_bytes()).collect()
}

/// The head of a success, and how many bytes of its body came with it.
fn answer(socket: &mut TcpStream) -> Result<(String, usize)> {
    let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match socket.read(&mut buffer)? {
            0 => return Err(broken("no answer".to_string())),
            count => got.extend_from_slice(&buffer[..count]),
        }
        if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
            if !head.starts_with("http/1.1 2") {
                return Err(broken(String::from_utf8_lossy(&got).into_owned()));
            }
            return Ok((head, got.len() - end - 4));
        }
        if got.len() > HEAD {
            return Err(broken("the head of the answer has no end".to_string()));
        }
    }
}

fn length(head: &str) -> Option<u64> {
    head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}

fn broken(what: String) -> Error {
    Error::new(ErrorKind::Other, what)
}

fn told(bytes: u64, began: Instant) -> String {
    format!("{{\"bytes\":{},\"ms\":{:.2}}}", bytes, began.elapsed().as_secs_f64() * 1000.0)
}
