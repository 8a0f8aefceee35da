//! Too much of something: beginnings without end, and more bytes than the disk takes.

use std::fs;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rusqlite::Connection;

use super::client::{VERSION, begin, offset, patch, receipt};
use crate::app::{Directory, TestApp};
use crate::command::eventually;
use crate::needs_mount::{SmallDisk, fill};

#[test]
fn creations_without_bytes_are_bounded_and_make_room_once_they_are_idle() {
    const MOST: usize = 5_000;
    let mut app = TestApp::start();
    let honest = begin(&app, "honest.txt", 10);
    assert_eq!(patch(&app, &honest, 0, b"01234").status, 204);
    let (turn, begun) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while turn.fetch_add(1, Ordering::Relaxed) < 2 * MOST {
                    let headers = [VERSION, ("Upload-Length", "10")];
                    let answer = app.call("POST", "/uploads", &headers, None);
                    if answer.status == 201 {
                        begun.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let sentence = answer.problem(503);
                    assert!(sentence.contains("finish or end some"), "{sentence}");
                }
            });
        }
    });
    assert_eq!(begun.into_inner(), MOST - 1);
    // Whoever had begun goes on, and files that need no upload are stored.
    assert_eq!(offset(&app, &honest), 5);
    assert_eq!(app.put_with("plain.txt", &[], b"bitts").status, 201);
    app.kill9();
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let sql = "UPDATE upload SET created_ms = created_ms - 3600000";
    catalog.execute(sql, []).unwrap();
    drop(catalog);
    app.start_again();
    let late = begin(&app, "late.txt", 3);
    assert_eq!(patch(&app, &late, 0, b"cat").status, 204);
    assert_eq!(patch(&app, &honest, 5, b"56789").status, 204);
    assert_eq!(app.get("honest.txt").text(), "0123456789");
}

#[test]
fn needs_mount_a_full_disk_in_the_middle_of_a_piece_is_gone_on_from() {
    let Some(disk) = SmallDisk::mount(32) else {
        return;
    };
    let mut app = TestApp::on(Directory::given(disk.path()), &[]);
    let content: Vec<u8> = (0..3_u32 << 20).flat_map(u32::to_le_bytes).collect();
    let upload = begin(&app, "cargo.bin", content.len());
    let first = 1 << 20;
    let mut connection = app.connect();
    write!(
        connection,
        "PATCH {upload} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
        content.len()
    )
    .unwrap();
    connection.write_all(&content[..first]).unwrap();
    eventually("the piece is being written", || {
        (offset(&app, &upload) == first).then_some(())
    });
    let ballast = disk.path().join(".ballast");
    fill(&ballast);
    // It answers before it has all, and may close then.
    let _ = connection.write_all(&content[first..]);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 507"),
        "{answer}"
    );
    // What came stays, and no more is taken before there is room.
    let stands = eventually("the piece is let go", || {
        let stands = offset(&app, &upload);
        let answer = patch(&app, &upload, stands, &content[stands..]);
        if answer.status == 423 {
            return None;
        }
        assert!(answer.problem(507).contains("space"), "{}", answer.text());
        Some(stands)
    });
    assert!((first..content.len()).contains(&stands), "{stands}");
    fs::remove_file(&ballast).unwrap();
    app.kill9();
    app.start_again();
    let stands = offset(&app, &upload);
    assert!(stands >= first, "{stands}");
    assert_eq!(patch(&app, &upload, stands, &content[stands..]).status, 204);
    let stored = receipt(&app, &upload);
    app.assert_keeps(&stored, &content, "cargo");
    app.assert_sound();
}
