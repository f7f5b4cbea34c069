//! The shared vectors, run by this codec.

use capsuled_agent::frame::{self, FrameError, Kind, MAX_PAYLOAD};
use capsuled_agent::record::{RecordHeader, Stream, Tail};
use serde_json::Value;

fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn bytes_of(vector: &Value) -> Vec<u8> {
    let mut bytes = unhex(vector["hex"].as_str().unwrap());
    if let Some(times) = vector["repeat"]["times"].as_u64() {
        let unit = unhex(vector["repeat"]["hex"].as_str().unwrap());
        (0..times).for_each(|_| bytes.extend_from_slice(&unit));
    }
    bytes
}

fn vectors(list: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/frames.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let all = file[list].as_array().unwrap().clone();
    assert!(all.len() > 10, "too few vectors to prove anything");
    all
}

#[test]
fn every_vector_decodes_to_what_it_says_and_encodes_back() {
    for vector in vectors("frames") {
        let name = vector["name"].as_str().unwrap();
        let bytes = bytes_of(&vector);
        let decoded = frame::decode(&bytes, MAX_PAYLOAD).unwrap().expect(name);
        assert_eq!(decoded.size(), bytes.len(), "{}", name);
        assert_eq!(decoded.kind.name(), vector["type"], "{}", name);
        let mut again = Vec::new();
        if let Some(record) = vector.get("record") {
            let (header, data) = RecordHeader::decode(decoded.payload).expect(name);
            let wanted = RecordHeader {
                seq: record["seq"].as_u64().unwrap(),
                offset: record["offset"].as_u64().unwrap(),
                time_us: record["time_us"].as_u64().unwrap(),
                tail: Tail::from_slice(&unhex(record["tail"].as_str().unwrap())).unwrap(),
            };
            assert_eq!(header, wanted, "{}", name);
            assert_eq!(data, unhex(record["bytes"].as_str().unwrap()), "{}", name);
            let stream = if decoded.kind == Kind::Stderr { Stream::Stderr } else { Stream::Stdout };
            again.extend_from_slice(&header.encode(stream, data.len()));
            again.extend_from_slice(data);
        } else if let Some(json) = vector.get("json") {
            let held: Value = serde_json::from_slice(decoded.payload).expect(name);
            assert_eq!(&held, json, "{}", name);
            frame::encode(decoded.kind, json.to_string().as_bytes(), &mut again);
            let second = frame::decode(&again, MAX_PAYLOAD).unwrap().unwrap();
            assert_eq!(&serde_json::from_slice::<Value>(second.payload).unwrap(), json, "{}", name);
            continue;
        } else {
            match vector["bytes_length"].as_u64() {
                Some(length) => assert_eq!(decoded.payload.len() as u64, length, "{}", name),
                None => assert_eq!(decoded.payload, unhex(vector["bytes"].as_str().unwrap()), "{}", name),
            }
            frame::encode(decoded.kind, decoded.payload, &mut again);
        }
        assert!(again == bytes, "{} does not encode to its own bytes", name);
    }
}

#[test]
fn a_frame_is_given_only_when_its_last_byte_is_there() {
    for vector in vectors("frames") {
        let bytes = bytes_of(&vector);
        let step = 1 + bytes.len() / 500;
        for cut in (0..bytes.len()).step_by(step) {
            assert_eq!(frame::decode(&bytes[..cut], MAX_PAYLOAD), Ok(None), "{} cut at {}", vector["name"], cut);
        }
    }
}

#[test]
fn every_malformed_vector_is_refused_as_it_says() {
    for vector in vectors("malformed") {
        let name = vector["name"].as_str().unwrap();
        let bytes = bytes_of(&vector);
        let found = match frame::decode(&bytes, MAX_PAYLOAD) {
            Err(FrameError::UnknownType(_)) => "unknown_type",
            Err(FrameError::TooLong(_)) => "too_long",
            Ok(None) => "incomplete",
            Ok(Some(frame)) => match frame.kind {
                Kind::Stdout | Kind::Stderr => match RecordHeader::decode(frame.payload) {
                    None => "bad_record",
                    Some(_) => "fine",
                },
                _ => match serde_json::from_slice::<serde_json::Map<String, Value>>(frame.payload) {
                    Err(_) => "bad_json",
                    Ok(_) => "fine",
                },
            },
        };
        assert_eq!(found, vector["error"], "{}", name);
    }
}
