//! What the kernel's nftables hold, asked by netlink: to start `nft` for a yes or no costs a hundred times as much.

use crate::failure::{During, Failure, Result};
use crate::kernel;
use std::io::{Read, Write};

/// What the answer begins with: length, type, flags, sequence, port.
const HEADER: usize = 16;
const REQUEST: u16 = 1;
const TYPE_ERROR: u16 = 2;
const SUBSYSTEM: u16 = 10 << 8;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const FAMILY_INET: u8 = 1;
const ATTRIBUTE_TABLE: u16 = 1;
const ATTRIBUTE_NAME: u16 = 3;
/// More than the kernel says about a chain, in bytes.
const ANSWER_MAX: usize = 8192;

/// Whether the table of the family `inet` has the chain, in this process's network namespace.
pub fn has_chain(table: &str, chain: &str) -> Result<bool> {
    let step = || format!("ask for the chain {} of {}", chain, table);
    let mut socket = kernel::netlink(libc::NETLINK_NETFILTER)?;
    socket.write_all(&request(table, chain)?).during(step)?;
    let mut answer = [0; ANSWER_MAX];
    let size = socket.read(&mut answer).during(step)?;
    read(&answer[..size]).map_err(|message| Failure::new(step(), message))
}

fn request(table: &str, chain: &str) -> Result<Vec<u8>> {
    // The kernel fills in the port; family, version and the number of the table's subsystem come before the attributes.
    let mut message = vec![0; HEADER];
    message[4..6].copy_from_slice(&GET_CHAIN.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
    message.extend_from_slice(&[FAMILY_INET, 0, 0, 0]);
    for (kind, text) in [(ATTRIBUTE_TABLE, table), (ATTRIBUTE_NAME, chain)] {
        let value = kernel::c_string(text)?.into_bytes_with_nul();
        let length = u16::try_from(4 + value.len()).map_err(|error| Failure::new("ask for a chain", error))?;
        message.extend_from_slice(&length.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&value);
        message.resize((message.len() + 3) & !3, 0);
    }
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    Ok(message)
}

fn read(answer: &[u8]) -> std::result::Result<bool, String> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let error = answer.get(HEADER..HEADER + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, error) {
        (Some(NEW_CHAIN), _) => Ok(true),
        (Some(TYPE_ERROR), Some(error)) if error == -libc::ENOENT => Ok(false),
        (Some(TYPE_ERROR), Some(error)) => Err(std::io::Error::from_raw_os_error(-error).to_string()),
        _ => Err("the kernel's answer says neither".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u16, error: i32) -> Vec<u8> {
        let mut message = vec![0; HEADER];
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&error.to_ne_bytes());
        message
    }

    #[test]
    fn a_chain_that_the_kernel_tells_of_is_there_and_one_that_it_does_not_find_is_not() {
        assert_eq!(read(&answer(NEW_CHAIN, 0)), Ok(true));
        assert_eq!(read(&answer(TYPE_ERROR, -libc::ENOENT)), Ok(false));
    }

    #[test]
    fn an_answer_that_says_neither_is_a_failure() {
        assert!(read(&answer(TYPE_ERROR, -libc::EPERM)).is_err());
        assert!(read(&answer(7, 0)).is_err());
        assert!(read(&[]).is_err());
    }

    #[test]
    fn a_request_has_its_length_and_names_of_any_length_end_at_a_multiple_of_four() {
        for table in ["t", "table", "capsuled_01234567"] {
            let message = request(table, "in").expect("names without NUL");
            assert_eq!(message.len() % 4, 0);
            assert_eq!(message[..4], (message.len() as u32).to_ne_bytes());
        }
        assert!(request("a\0b", "in").is_err());
    }
}
