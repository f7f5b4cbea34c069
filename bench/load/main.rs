//! The cheap side of a measurement: a process of its own that spends microseconds where a client in JavaScript spends
//! tenths of milliseconds, since it shares the machine's cores with what is measured.
//!
//!   load spawn  PROGRAM THREADS COUNT              posix_spawn and wait: the floor of every exec
//!   load http   HOST:PORT REQUEST-FILE CONNECTIONS COUNT    one request's bytes, sent again and again
//!   load upload HOST:PORT HEAD-FILE BYTES          a request's head, then so many bytes; waits for the answer
//!   load download HOST:PORT REQUEST-FILE           a request; reads the answer and drops it
//!   load stream HOST:PORT HANDSHAKE-FILE MESSAGE   a WebSocket: sends MESSAGE, reads to the close
//!
//! Prints one JSON object. Latencies are in microseconds.

mod http;
mod stream;
mod transfer;

use std::process::{exit, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["spawn", program, threads, count] => spawn(program, number(threads), number(count)),
        ["http", address, file, connections, count] => {
            http::load(address, &read(file), number(connections), number(count))
        }
        ["upload", address, file, bytes] => transfer::upload(address, &read(file), number(bytes) as u64),
        ["download", address, file] => transfer::download(address, &read(file)),
        ["stream", address, file, message] => stream::load(address, &read(file), message),
        _ => Err("usage: load spawn|http|upload|download|stream …".to_string()),
    };
    match outcome {
        Ok(json) => println!("{}", json),
        Err(error) => {
            eprintln!("load: {}", error);
            exit(1);
        }
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| {
        eprintln!("load: {} is not a number", text);
        exit(64)
    })
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| {
        eprintln!("load: {}: {}", file, error);
        exit(66)
    })
}

/// The standard library spawns by posix_spawn when nothing but the standard streams is set.
fn spawn(program: &str, threads: usize, count: usize) -> Result<String, String> {
    let program = program.to_string();
    measure(threads, count, move |_| {
        let program = program.clone();
        Ok(move || {
            let status = Command::new(&program)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(status.to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
    })
}

/// Runs `count` turns over `threads` workers; a worker's turn is what `make` gives for it. The first tenth is not counted.
pub fn measure<M, T>(threads: usize, count: usize, make: M) -> Result<String, String>
where
    M: Fn(usize) -> Result<T, String> + Send + Sync + 'static,
    T: FnMut() -> Result<(), String>,
{
    let warm_up = count / 10;
    let make = Arc::new(make);
    let left = Arc::new(AtomicUsize::new(count + warm_up));
    let began = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|n| {
            let (make, left) = (make.clone(), left.clone());
            thread::spawn(move || -> Result<Vec<(u64, u64)>, String> {
                let mut turn = make(n)?;
                let mut took = Vec::new();
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok()
                {
                    let start = Instant::now();
                    turn()?;
                    let end = Instant::now();
                    took.push((
                        end.duration_since(began).as_micros() as u64,
                        end.duration_since(start).as_nanos() as u64,
                    ));
                }
                Ok(took)
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.join().map_err(|_| "a worker panicked")??);
    }
    all.sort_unstable();
    let counted = &all[warm_up.min(all.len() - 1)..];
    let span_us = counted[counted.len() - 1].0 - all[warm_up.max(1) - 1].0;
    let mut took: Vec<u64> = counted.iter().map(|(_, nanos)| *nanos).collect();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
    Ok(format!(
        "{{\"count\":{},\"threads\":{},\"p50_us\":{:.1},\"p90_us\":{:.1},\"p99_us\":{:.1},\"max_us\":{:.1},\"per_second\":{:.0}}}",
        took.len(),
        threads,
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        took.len() as f64 / (span_us as f64 / 1e6)
    ))
}
