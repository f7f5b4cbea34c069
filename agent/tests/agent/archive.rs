//! Directories as tar streams, in and out, against Python's own reading and writing of the format.

use crate::client::{code, download, upload, Client};
use crate::harness::{TestAgent, Wish};
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn space(agent: &TestAgent) -> PathBuf {
    let path = agent.dir.join("files");
    fs::create_dir_all(&path).unwrap();
    path
}

fn pack(agent: &TestAgent, path: &Path) -> Result<(Vec<u8>, Value), Value> {
    let mut client = Client::connect(agent);
    client.send(Kind::File, &json!({"op": "archive_read", "path": path}));
    download(&mut client).map(|(_, bytes, result)| (bytes, result))
}

fn unpack(agent: &TestAgent, path: &Path, bytes: &[u8]) -> Result<Value, Value> {
    upload(agent, Kind::File, &json!({"op": "archive_write", "path": path}), bytes)
}

/// Runs Python with these bytes as its input; gives its output.
fn python(script: &str, input: &[u8], dir: &Path) -> Vec<u8> {
    let mut child =
        Command::new("python3").args(["-c", script]).current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let out = std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    assert!(out.status.success());
    out.stdout
}

fn facts(path: &Path) -> String {
    let out = Command::new("find")
        .args([".", "-mindepth", "1", "-type", "l", "-printf", "%P|%U|%G|%l\n", "-o", "-mindepth", "1", "-printf", "%P|%y|%m|%U|%G|%Ts\n"])
        .current_dir(path)
        .output()
        .unwrap();
    let mut lines: Vec<String> = String::from_utf8_lossy(&out.stdout).lines().map(String::from).collect();
    lines.sort();
    lines.join("\n")
}

fn tree(at: &Path) {
    fs::create_dir_all(at.join("a/b/c")).unwrap();
    fs::write(at.join("a/small"), "small").unwrap();
    fs::write(at.join("a/b/big"), vec![9u8; 1_000_001]).unwrap();
    fs::write(at.join("a/block"), vec![8u8; 512]).unwrap();
    fs::write(at.join("line\nbreak \u{e9}"), "x").unwrap();
    let long = at.join("l".repeat(200)).join("m".repeat(200));
    fs::create_dir_all(&long).unwrap();
    fs::write(long.join("n".repeat(250)), "long").unwrap();
    symlink("b/big", at.join("a/link")).unwrap();
    symlink("t".repeat(300), at.join("a/far")).unwrap();
    fs::set_permissions(at.join("a/small"), fs::Permissions::from_mode(0o4711)).unwrap();
    assert!(Command::new("sh")
        .args(["-c", "chown 12:34 a/small; chown -h 65534:9 a/link; find . -exec touch -h -d @1234567890 {} +"])
        .current_dir(at)
        .status()
        .unwrap()
        .success());
}

#[test]
fn a_directory_comes_out_as_python_reads_it_and_goes_in_as_it_was() {
    let agent = TestAgent::start();
    let space = space(&agent);
    tree(&space.join("tree"));
    let before = facts(&space.join("tree"));
    let _socket = std::os::unix::net::UnixListener::bind(space.join("tree/socket")).unwrap();
    let (bytes, result) = pack(&agent, &space.join("tree")).unwrap();
    assert_eq!((&result["entries"], &result["skipped"], &result["skipped_names"]), (&json!(12), &json!(1), &json!(["socket"])));
    let list = "import sys,tarfile\nt=tarfile.open(fileobj=sys.stdin.buffer,mode='r|')\nprint(sorted((m.name,m.size,m.mode,m.uid,m.linkname) for m in t)[:3])";
    let text = String::from_utf8(python(list, &bytes, &space)).unwrap();
    assert!(text.starts_with("[('a', 0, 493, 0, ''), ('a/b', 0, 493, 0, ''), ('a/b/big', 1000001, 420, 0, '')]"), "{}", text);
    fs::create_dir(space.join("by-python")).unwrap();
    python("import sys,tarfile\ntarfile.open(fileobj=sys.stdin.buffer,mode='r|').extractall('by-python')", &bytes, &space);
    assert_eq!(facts(&space.join("by-python")), before);
    let unpacked = unpack(&agent, &space.join("new/place"), &bytes).unwrap();
    assert_eq!((&unpacked["entries"], &unpacked["bytes"]), (&json!(12), &result["bytes"]));
    assert_eq!(facts(&space.join("new/place")), before);
    assert!(fs::read(space.join("new/place/a/b/big")).unwrap() == vec![9u8; 1_000_001]);
    let (one, _) = pack(&agent, &space.join("tree/a/small")).unwrap();
    let named = python("import sys,tarfile\nprint([m.name for m in tarfile.open(fileobj=sys.stdin.buffer,mode='r|')])", &one, &space);
    assert_eq!(String::from_utf8(named).unwrap(), "['small']\n");
    assert_eq!(pack(&agent, &space.join("none")).unwrap_err()["code"], "not_found");
    assert_eq!(pack(&agent, Path::new("/dev/null")).unwrap_err()["code"], "not_a_file");
}

#[test]
fn archives_of_every_format_that_python_writes_go_in_the_same() {
    let agent = TestAgent::start();
    let space = space(&agent);
    tree(&space.join("tree"));
    fs::hard_link(space.join("tree/a/small"), space.join("tree/a/hard")).unwrap();
    let before = facts(&space.join("tree"));
    for format in ["PAX_FORMAT", "GNU_FORMAT"] {
        let script = format!("import sys,tarfile\nt=tarfile.open(fileobj=sys.stdout.buffer,mode='w|',format=tarfile.{})\nt.add('tree',arcname='.')\nt.close()", format);
        let bytes = python(&script, b"", &space);
        let place = space.join(format);
        unpack(&agent, &place, &bytes).unwrap_or_else(|error| panic!("{} {}", format, error));
        assert_eq!(facts(&place), before, "{}", format);
        // Over what is there already.
        unpack(&agent, &place, &bytes).unwrap_or_else(|error| panic!("{} {}", format, error));
        assert_eq!(facts(&place), before, "{}", format);
    }
}

/// An archive of members that Python makes: (name, type, link).
fn members(space: &Path, list: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut script = String::from("import sys,tarfile,io\nt=tarfile.open(fileobj=sys.stdout.buffer,mode='w|')\n");
    for (name, kind, link) in list {
        script += &format!("m=tarfile.TarInfo({:?}); m.type=tarfile.{}; m.linkname={:?}; m.mode=0o755\n", name, kind, link);
        script += &format!("m.size=4 if m.type==tarfile.REGTYPE else 0; t.addfile(m,io.BytesIO(b'evil'))\n");
    }
    python(&(script + "t.close()"), b"", space)
}

#[test]
fn members_that_leave_the_directory_are_refused_by_name_and_nothing_outside_is_touched() {
    let agent = TestAgent::start();
    let space = space(&agent);
    fs::create_dir(space.join("outside")).unwrap();
    fs::write(space.join("outside/f"), "good").unwrap();
    let outside = space.join("outside");
    let out = outside.to_str().unwrap();
    let secret = format!("{}/f", out);
    let cases: Vec<(Vec<(&str, &str, &str)>, &str, &str)> = vec![
        (vec![("../outside/f", "REGTYPE", "")], "outside", "../outside/f"),
        (vec![(secret.as_str(), "REGTYPE", "")], "outside", "f"),
        (vec![("a/../../outside/f", "REGTYPE", "")], "outside", "a/.."),
        (vec![("link", "SYMTYPE", out), ("link/f", "REGTYPE", "")], "outside", "link/f"),
        (vec![("link", "SYMTYPE", "../outside"), ("link/new", "DIRTYPE", "")], "outside", "link/new"),
        (
            vec![("d", "DIRTYPE", ""), ("d/up", "SYMTYPE", ".."), ("d/up/up", "SYMTYPE", ".."), ("d/up/up/outside/f", "REGTYPE", "")],
            "outside",
            "d/up/up",
        ),
        (vec![("hard", "LNKTYPE", "../outside/f")], "outside", "hard"),
        (vec![("hard", "LNKTYPE", secret.as_str())], "outside", "hard"),
        (vec![("s", "SYMTYPE", secret.as_str()), ("hard", "LNKTYPE", "s")], "outside", "hard"),
        (vec![("already/f", "REGTYPE", "")], "outside", "already/f"),
        (vec![("null", "CHRTYPE", "")], "not_a_file", "null"),
        (vec![("disk", "BLKTYPE", "")], "not_a_file", "disk"),
        (vec![("pipe", "FIFOTYPE", "")], "not_a_file", "pipe"),
        (vec![("x", "REGTYPE", ""), ("x/y", "REGTYPE", "")], "not_directory", "x/y"),
        (vec![("x", "DIRTYPE", ""), ("x", "REGTYPE", "")], "is_directory", "x"),
    ];
    for (number, (list, wanted, name)) in cases.iter().enumerate() {
        let place = space.join(format!("p{}", number));
        fs::create_dir(&place).unwrap();
        symlink(out, place.join("already")).unwrap();
        let error = unpack(&agent, &place, &members(&space, list)).expect_err(&format!("{:?}", list));
        assert!(error["code"] == *wanted && error["message"].as_str().unwrap().contains(name), "{:?} {}", list, error);
    }
    // A link that is named is replaced, never written through; one that leads inside is followed.
    let place = space.join("good");
    fs::create_dir_all(place.join("usr/lib")).unwrap();
    symlink("usr/lib", place.join("lib")).unwrap();
    symlink(&secret, place.join("f")).unwrap();
    unpack(&agent, &place, &members(&space, &[("lib/x", "REGTYPE", ""), ("f", "REGTYPE", "")])).unwrap();
    assert_eq!((fs::read(place.join("usr/lib/x")).unwrap(), fs::read(place.join("f")).unwrap()), (b"evil".to_vec(), b"evil".to_vec()));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("f")).unwrap(), b"good");
}

#[test]
fn archives_that_are_cut_or_damaged_are_refused_and_never_end_a_worker() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let good = members(&space, &[("a", "REGTYPE", ""), (&"n".repeat(150), "REGTYPE", ""), ("d", "DIRTYPE", "")]);
    for cut in [0, 1, 511, 512, 513, 515, 1024, 1536, 2048, 3000] {
        assert_eq!(code(unpack(&agent, &space.join("cut"), &good[..cut])), "bad_archive", "cut at {}", cut);
    }
    let mut state = 1u64;
    for turn in 0..150 {
        let mut bad = good.clone();
        for _ in 0..1 + turn % 4 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = (state >> 33) as usize % 4096;
            bad[at] = (state >> 17) as u8;
        }
        // Whatever it says: it answers, and nothing appears elsewhere.
        let _ = unpack(&agent, &space.join("fuzz/in"), &bad);
    }
    assert!(fs::read_dir(space.join("fuzz")).unwrap().count() == 1);
    assert_eq!(code(unpack(&agent, &space.join("fuzz/in"), &vec![b'x'; 10_000])), "bad_archive");
    let full = TestAgent::with(Wish { disk: Some(1 << 20), ..Wish::default() });
    tree(&space.join("tree"));
    fs::write(space.join("tree/more"), vec![1u8; 4 << 20]).unwrap();
    let (bytes, _) = pack(&agent, &space.join("tree")).unwrap();
    assert_eq!(code(unpack(&full, &full.dir.join("control/x"), &bytes)), "disk_full");
}
