//! `output`: ranges of a stream's bytes.

use crate::client::{background, shell, with, Client};
use crate::harness::{TestAgent, Wish};
use crate::resuming::{numbers, Random};
use serde_json::json;

#[test]
fn every_range_of_a_short_output_is_its_bytes_and_text_stays_right() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let script =
        "printf 'a\\303'; sleep 0.02; echo one >&2; sleep 0.02; printf '\\251b\\342\\202'; sleep 0.02; printf '\\254c'; echo two >&2";
    let request = with(shell(script), json!({"foreground": false}));
    let whole = client.run(&request).unwrap().stdout;
    assert_eq!(whole, "a\u{e9}b\u{20ac}c".as_bytes());
    for from in 0..=whole.len() {
        for limit in 0..=whole.len() + 1 {
            let (bytes, records, told) = client.output(&request["id"], "stdout", from as u64, limit as u64).unwrap();
            let end = if limit == 0 { whole.len() } else { (from + limit).min(whole.len()) };
            assert_eq!(bytes, &whole[from..end], "from {} limit {}", from, limit);
            assert_eq!(told, json!({"from": from, "next": end, "kept_from": 0, "total": whole.len(), "ended": true}));
            if let Some(first) = records.first() {
                assert_eq!(first.offset, from as u64);
                let before = String::from_utf8_lossy(&whole[..from]).into_owned();
                let held = if before.ends_with('\u{fffd}') { from - before.trim_end_matches('\u{fffd}').len() } else { 0 };
                assert_eq!(first.tail.as_slice(), &whole[from - held..from], "from {}", from);
            }
        }
    }
    assert_eq!(client.output(&request["id"], "stderr", 4, 2).unwrap().0, b"tw"[..2].iter().copied().collect::<Vec<u8>>());
    let error = client.output(&request["id"], "stdout", whole.len() as u64 + 1, 0).unwrap_err();
    assert_eq!((&error["code"], &error["field"]), (&json!("invalid_offset"), &json!("from")));
    assert_eq!(client.output(&request["id"], "stdin", 0, 0).unwrap_err()["field"], "stream");
    assert_eq!(client.output(&json!("pr-none"), "stdout", 0, 0).unwrap_err()["code"], "not_found");
}

#[test]
fn any_range_of_a_long_output_is_its_bytes_whether_it_runs_or_has_ended() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let whole = numbers(4_000_000);
    let script =
        "seq 1 4000000; echo err >&2; while [ ! -e GATE ]; do sleep 0.01; done".replace("GATE", agent.dir.join("gate").to_str().unwrap());
    let request = background(&script);
    client.start(&request);
    crate::harness::eventually("all is printed", || client.output(&request["id"], "stderr", 0, 0).unwrap().0 == b"err\n");
    let mut random = Random(3);
    for ended in [false, true] {
        for _ in 0..60 {
            let from = random.below(whole.len() as u64 + 1);
            let limit = 1 + random.below(300_000);
            let (bytes, _, told) = client.output(&request["id"], "stdout", from, limit).unwrap();
            let end = (from + limit).min(whole.len() as u64);
            assert!(bytes == whole[from as usize..end as usize], "from {} limit {}", from, limit);
            assert_eq!((&told["next"], &told["total"], &told["ended"]), (&json!(end), &json!(whole.len()), &json!(ended)));
        }
        assert!(client.output(&request["id"], "stdout", 0, 0).unwrap().0 == whole);
        if !ended {
            std::fs::write(agent.dir.join("gate"), "").unwrap();
            client.ended(&request["id"]);
        }
    }
}

#[test]
fn a_range_of_what_is_gone_begins_with_what_is_kept() {
    let agent = TestAgent::with(Wish { journal: Some((1 << 20, 1 << 30, 1 << 30)), ..Wish::default() });
    let mut client = Client::connect(&agent);
    let whole = numbers(1_000_000);
    let request = background("seq 1 1000000");
    client.start(&request);
    let facts = client.ended(&request["id"]);
    let (bytes, _, told) = client.output(&request["id"], "stdout", 10, 1000).unwrap();
    let kept = told["kept_from"].as_u64().unwrap();
    assert!(kept > 0 && facts["gap_bytes"] == kept, "{} {}", told, facts);
    assert_eq!((&told["from"], &told["next"]), (&json!(kept), &json!(kept + 1000)));
    assert!(bytes == whole[kept as usize..kept as usize + 1000]);
    let (rest, _, told) = client.output(&request["id"], "stdout", kept + 5, 0).unwrap();
    assert!(rest == whole[kept as usize + 5..] && told["next"] == whole.len());
}
