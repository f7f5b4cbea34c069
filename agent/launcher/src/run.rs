//! The step `run`: a program of the host for the server, which hears what it says piece by piece.

use crate::base64;
use crate::failure::{During, Failure, Result};
use crate::host_program::{End, Program, Stream};
use crate::serve::Teller;
use serde_json::{json, Value};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

/// `outputBytes` of each stream are told; the rest is read and dropped.
pub fn run(spec: &Value, teller: &Teller) -> Result<Value> {
    let program = Program::parse(spec)?;
    let most = spec["outputBytes"].as_u64().ok_or_else(|| Failure::new("read a program", "outputBytes"))?;
    let namespace = spec["namespace"].as_str().map(|path| File::open(path).during(|| format!("open {}", path))).transpose()?;
    let began = Instant::now();
    let mut left = [most, most];
    let end = program.run(namespace.as_ref(), |stream, bytes| {
        let (name, left) = match stream {
            Stream::Out => ("stdout", &mut left[0]),
            Stream::Err => ("stderr", &mut left[1]),
        };
        let kept = (bytes.len() as u64).min(*left);
        *left -= kept;
        if kept == 0 {
            return Ok(());
        }
        teller.tell(json!({ "stream": name, "base64": base64::encode(&bytes[..kept as usize]) }))
    })?;
    let ms = began.elapsed().as_millis() as u64;
    Ok(match end {
        End::Never(reason) => json!({ "ok": true, "errno": reason }),
        End::Of(status) => json!({ "ok": true, "code": status.code(), "signal": status.signal(), "ms": ms }),
    })
}
