//! A WebSocket client that reads frames without looking into them, but for the last text, which it prints.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;

pub fn load(address: &str, handshake: &[u8], message: &str) -> Result<String, String> {
    run(address, handshake, message).map_err(|error| error.to_string())
}

fn run(address: &str, handshake: &[u8], message: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.write_all(handshake)?;
    let mut reader = BufReader::with_capacity(1024 * 1024, socket.try_clone()?);
    skip_head(&mut reader)?;
    let began = Instant::now();
    socket.write_all(&masked(TEXT, message.as_bytes()))?;
    let (mut wire, mut frames, mut first_us) = (0u64, 0u64, 0u128);
    let mut last = Vec::new();
    let mut payload = Vec::new();
    loop {
        let (kind, length) = frame_head(&mut reader)?;
        payload.resize(length, 0);
        reader.read_exact(&mut payload)?;
        match kind {
            CLOSE => break,
            PING => socket.write_all(&masked(10, &payload))?,
            _ => {
                frames += 1;
                wire += length as u64;
                if frames == 2 {
                    first_us = began.elapsed().as_micros();
                }
                if length < 4096 {
                    last = payload.clone();
                }
            }
        }
    }
    let took = began.elapsed();
    socket.write_all(&masked(CLOSE, &[3, 232]))?;
    Ok(format!(
        "{{\"ms\":{:.2},\"first_output_us\":{},\"frames\":{},\"wire_bytes\":{},\"last\":{}}}",
        took.as_secs_f64() * 1000.0,
        first_us,
        frames,
        wire,
        String::from_utf8_lossy(&last)
    ))
}

fn skip_head(reader: &mut impl Read) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        reader.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101") {
        return Ok(());
    }
    Err(std::io::Error::new(
        std::io::ErrorKind::Other,
        String::from_utf8_lossy(&head).into_owned(),
    ))
}

fn frame_head(reader: &mut impl Read) -> std::io::Result<(u8, usize)> {
    let mut two = [0; 2];
    reader.read_exact(&mut two)?;
    let length = match two[1] & 0x7f {
        126 => {
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes)?;
            u16::from_be_bytes(bytes) as usize
        }
        127 => {
            let mut bytes = [0; 8];
            reader.read_exact(&mut bytes)?;
            u64::from_be_bytes(bytes) as usize
        }
        short => short as usize,
    };
    Ok((two[0] & 0x0f, length))
}

/// A client's frame; the mask of zeros leaves the payload as it is.
fn masked(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    if payload.len() < 126 {
        frame.push(0x80 | payload.len() as u8);
    } else {
        frame.push(0x80 | 126);
        frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
