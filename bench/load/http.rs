//! HTTP/1.1 with keep-alive: the same bytes out, an answer with a Content-Length in.

use std::io::{Read, Write};
use std::net::TcpStream;

pub fn load(
    address: &str,
    request: &[u8],
    connections: usize,
    count: usize,
) -> Result<String, String> {
    let (address, request) = (address.to_string(), request.to_vec());
    super::measure(connections, count, move |_| {
        let mut socket = TcpStream::connect(&address).map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let request = request.clone();
        let mut buffer = vec![0; 256 * 1024];
        Ok(move || {
            socket.write_all(&request).map_err(|error| error.to_string())?;
            let mut have = 0;
            let whole = loop {
                let n = socket.read(&mut buffer[have..]).map_err(|error| error.to_string())?;
                if n == 0 {
                    return Err("the server closed the connection".to_string());
                }
                have += n;
                if let Some(length) = answer_length(&buffer[..have]) {
                    break length?;
                }
            };
            while have < whole {
                let n = socket.read(&mut buffer[have..]).map_err(|error| error.to_string())?;
                if n == 0 {
                    return Err("the server closed the connection".to_string());
                }
                have += n;
            }
            Ok(())
        })
    })
}

/// Bytes of the whole answer once its head is there; an error when it is not a success.
fn answer_length(bytes: &[u8]) -> Option<Result<usize, String>> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    if !text.starts_with("http/1.1 2") {
        return Some(Err(String::from_utf8_lossy(bytes).into_owned()));
    }
    let length = text
        .split("content-length:")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next())
        .and_then(|number| number.trim().parse::<usize>().ok());
    Some(match length {
        Some(length) => Ok(head + length),
        None => Err(format!("an answer without a length: {}", text)),
    })
}
