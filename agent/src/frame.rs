//! The frames of the protocol: a type byte, a length, a payload.

use std::convert::TryInto;

/// Most bytes a payload may have.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Bytes before a payload: type and length.
pub const HEADER: usize = 5;

macro_rules! kinds {
    ($($name:ident = $byte:literal, $text:literal;)*) => {
        /// What a frame is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind { $($name = $byte),* }

        impl Kind {
            /// The kind of a type byte, none where the protocol knows no such type.
            pub fn from_byte(byte: u8) -> Option<Kind> {
                match byte { $($byte => Some(Kind::$name),)* _ => None }
            }

            /// The name in PROTOCOL.md.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$name => $text),* }
            }
        }
    };
}

kinds! {
    Hello = 0x01, "hello";
    Start = 0x02, "start";
    Attach = 0x03, "attach";
    List = 0x04, "list";
    Signal = 0x05, "signal";
    Get = 0x06, "get";
    Stats = 0x07, "stats";
    Touch = 0x08, "touch";
    Pause = 0x09, "pause";
    Resume = 0x0a, "resume";
    Shutdown = 0x0b, "shutdown";
    Log = 0x0c, "log";
    Output = 0x0d, "output";
    File = 0x0e, "file";
    Dial = 0x0f, "dial";
    Stdin = 0x10, "stdin";
    StdinClose = 0x11, "stdin_close";
    Cancel = 0x12, "cancel";
    Resize = 0x13, "resize";
    Ports = 0x14, "ports";
    StdinAt = 0x15, "stdin_at";
    Welcome = 0x81, "welcome";
    Started = 0x82, "started";
    Stdout = 0x83, "stdout";
    Stderr = 0x84, "stderr";
    Gap = 0x85, "gap";
    Exit = 0x86, "exit";
    Result = 0x87, "result";
    Error = 0x88, "error";
    StdinRoom = 0x89, "stdin_room";
    Entry = 0x8a, "entry";
    Head = 0x8b, "head";
    Bytes = 0x8c, "bytes";
}

/// Why bytes are no frame; the connection cannot go on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    UnknownType(u8),
    TooLong(u32),
}

/// One whole frame at the front of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: Kind,
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the frame on the wire.
    pub fn size(&self) -> usize {
        HEADER + self.payload.len()
    }
}

/// Reads the first frame of `bytes`; none while it is not whole. Says at once, from the header
/// alone, what can never become one: an unknown type, or more than `limit` bytes of payload.
pub fn decode(bytes: &[u8], limit: usize) -> Result<Option<Frame<'_>>, FrameError> {
    let first = match bytes.first() {
        Some(byte) => *byte,
        None => return Ok(None),
    };
    let kind = Kind::from_byte(first).ok_or(FrameError::UnknownType(first))?;
    let length = match bytes.get(1..HEADER).and_then(|part| part.try_into().ok()) {
        Some(part) => u32::from_le_bytes(part),
        None => return Ok(None),
    };
    if length as usize > limit.min(MAX_PAYLOAD) {
        return Err(FrameError::TooLong(length));
    }
    Ok(bytes.get(HEADER..HEADER + length as usize).map(|payload| Frame { kind, payload }))
}

/// The header of a frame whose payload has `length` bytes.
pub fn header(kind: Kind, length: usize) -> [u8; HEADER] {
    debug_assert!(length <= MAX_PAYLOAD);
    let size = (length as u32).to_le_bytes();
    [kind as u8, size[0], size[1], size[2], size[3]]
}

/// Appends a frame to `out`.
pub fn encode(kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(HEADER + payload.len());
    out.extend_from_slice(&header(kind, payload.len()));
    out.extend_from_slice(payload);
}
