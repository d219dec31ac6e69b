use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::*;
use crate::{
    access::ApiKey,
    cache::{Answer, AnswerRecord},
    virustotal::Packed,
};

/// A directory that exists for one test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        Self(env::temp_dir().join(format!("vt4ai-disk-{:032x}", fastrand::u128(..))))
    }

    fn file(&self) -> PathBuf {
        self.0.join("answers.db")
    }

    /// Returns the files that were set aside.
    fn set_aside(&self) -> usize {
        let names = fs::read_dir(&self.0)
            .unwrap()
            .map(|it| it.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().contains(".damaged-"))
            .count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A cache on disk, with the threads that end once it is dropped.
struct Open {
    disk: DiskCache,
    written: oneshot::Receiver<()>,
}

impl Open {
    async fn at(place: &Place) -> Self {
        Self::bounded(place, 64 * 1024 * 1024).await
    }

    async fn bounded(place: &Place, max_bytes: u64) -> Self {
        let (disk, threads) = DiskCache::start(DiskParts {
            dir: place.0.clone(),
            max_bytes,
            longest: Duration::from_hours(24),
        })
        .unwrap();
        let _ = threads.opened.await;
        let written = threads.written;
        Self { disk, written }
    }

    /// Ends the threads, which write all that waits.
    async fn close(self) -> DiskStats {
        let state = Arc::clone(&self.disk.0.state);
        drop(self.disk);
        let _ = self.written.await;
        let counts = &state.counts;
        DiskStats {
            bytes: file::bytes(&state.dir),
            max_bytes: state.max_bytes,
            entries: counts.entries.load(Ordering::Relaxed),
            hits: 0,
            evictions: counts.evictions.load(Ordering::Relaxed),
            errors: counts.errors.load(Ordering::Relaxed),
            dropped_writes: counts.dropped_writes.load(Ordering::Relaxed),
            trouble: state.health.trouble(),
        }
    }
}

fn key(owner: &str, path: &str) -> CacheKey {
    let owner = ApiKey::parse(owner.as_bytes()).unwrap().hash();
    CacheKey {
        owner: Some(owner),
        path: path.into(),
    }
}

fn name(id: &str) -> ObjectName {
    ObjectName::new("files", id)
}

fn answer(bytes: usize) -> CachedAnswer {
    let now = Moment::now();
    let content: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(bytes)
        .collect();
    AnswerRecord {
        answer: Answer::Found(Packed::restore(content.into(), bytes)),
        asked: now,
        as_of: now,
        names: [name("a")].into(),
        revealed: OnceLock::new(),
        shared_at: None,
        is_doubtful: false,
        fresh_for: Duration::from_hours(1),
    }
    .into()
}

async fn is_there(disk: &DiskCache, key: &CacheKey, names: &[ObjectName]) -> bool {
    match disk.find(key, names).await {
        Some(found) => found.is_doubtful().is_some(),
        None => false,
    }
}

#[tokio::test]
async fn an_answer_is_found_after_a_restart_by_its_own_key_only() {
    let place = Place::new();
    let open = Open::at(&place).await;
    let (own, other) = (key("one", "/files/a"), key("two", "/files/a"));
    open.disk.store(&own, &answer(1000));
    let stats = open.close().await;
    assert_eq!((stats.entries, stats.errors), (1, 0));
    let open = Open::at(&place).await;
    assert!(open.disk.may_have(&own) && !open.disk.may_have(&other));
    assert!(is_there(&open.disk, &own, &[name("a")]).await);
    assert!(!is_there(&open.disk, &other, &[name("a")]).await);
    assert_eq!(open.disk.stats().trouble, None);
}

#[tokio::test]
async fn files_are_for_their_owner() {
    let place = Place::new();
    let open = Open::at(&place).await;
    open.disk.note_write(&[name("a")], Certainty::Certain);
    open.disk.recorded().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.0), 0o700);
    for entry in fs::read_dir(&place.0).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn writes_hold_after_a_restart_under_all_names() {
    let place = Place::new();
    let open = Open::at(&place).await;
    let paths = [
        key("k", "/files/a"),
        key("k", "/files/b"),
        key("k", "/files/c"),
    ];
    for path in &paths {
        open.disk.store(path, &answer(100));
    }
    open.disk.join(&[name("a"), name("b")]);
    open.close().await;
    let open = Open::at(&place).await;
    assert!(is_there(&open.disk, &paths[0], &[name("a")]).await);
    assert!(open.disk.names_of(&[name("b")]).await.contains(&name("a")));
    open.disk.note_write(&[name("b")], Certainty::Certain);
    open.disk.recorded().await;
    open.close().await;
    let open = Open::at(&place).await;
    assert!(!is_there(&open.disk, &paths[0], &[name("a")]).await);
    assert!(!is_there(&open.disk, &paths[1], &[name("b")]).await);
    assert!(is_there(&open.disk, &paths[2], &[name("c")]).await);
    let before = Moment::now().before(Duration::from_mins(1));
    assert!(open.disk.changes().last(&[name("a")]) > before);
    // A name that is joined later shares the write.
    open.disk.join(&[name("c"), name("a")]);
    open.close().await;
    let open = Open::at(&place).await;
    assert!(!is_there(&open.disk, &paths[2], &[name("c")]).await);
}

#[tokio::test]
async fn a_possible_write_leaves_doubt() {
    let place = Place::new();
    let open = Open::at(&place).await;
    let own = key("k", "/files/a");
    open.disk.store(&own, &answer(100));
    open.disk.note_write(&[name("a")], Certainty::Possible);
    open.close().await;
    let open = Open::at(&place).await;
    let found = open.disk.find(&own, &[name("a")]).await.unwrap();
    assert_eq!(found.is_doubtful(), Some(true));
}

#[tokio::test]
async fn a_refused_key_loses_its_answers() {
    let place = Place::new();
    let open = Open::at(&place).await;
    let (own, other) = (key("one", "/files/a"), key("two", "/files/a"));
    for of in [&own, &other] {
        open.disk.store(of, &answer(100));
    }
    open.disk.forget(own.owner.unwrap());
    open.close().await;
    let open = Open::at(&place).await;
    assert!(!open.disk.may_have(&own) && open.disk.may_have(&other));
}

#[tokio::test]
async fn the_bound_holds_and_the_answers_used_last_stay() {
    const BOUND: u64 = 4 * 1024 * 1024;
    let place = Place::new();
    let open = Open::bounded(&place, BOUND).await;
    let quiet = key("quiet", "/files/a");
    open.disk.store(&quiet, &answer(5000));
    for round in 0..3000 {
        let busy = key("busy", &format!("/files/{round}"));
        open.disk.store(&busy, &answer(5000));
        if round % 50 == 0 {
            open.disk.note_write(&[name("x")], Certainty::Certain);
            open.disk.recorded().await;
            assert!(file::bytes(&place.0) <= BOUND);
        }
    }
    let stats = open.close().await;
    assert!(stats.evictions > 1000 && stats.errors == 0, "{stats:?}");
    let open = Open::bounded(&place, BOUND).await;
    let kept = open.disk.stats();
    assert!(kept.entries > 300 && kept.bytes <= BOUND, "{kept:?}");
    assert!(is_there(&open.disk, &quiet, &[]).await);
    // Answers of one second are told apart, too.
    for round in 2800..3000 {
        let late = key("busy", &format!("/files/{round}"));
        assert!(is_there(&open.disk, &late, &[]).await, "{round}");
    }
    open.close().await;
    // A bound that is lowered holds after the next writes.
    let mut bytes = BOUND;
    for round in 0..20 {
        let open = Open::bounded(&place, BOUND / 4).await;
        open.disk
            .store(&key("busy", &format!("/files/x{round}")), &answer(5000));
        bytes = open.close().await.bytes;
    }
    assert!(bytes <= BOUND / 4, "{bytes}");
}

#[tokio::test]
async fn a_damaged_file_is_set_aside() {
    let make = [
        |_: &[u8]| vec![7; 20_000],
        |sound: &[u8]| sound[..sound.len() / 2].to_vec(),
        |sound: &[u8]| [&[0; 100], &sound[100..]].concat(),
        // A later version.
        |sound: &[u8]| [&sound[..60], &[0, 0, 0, 9], &sound[64..]].concat(),
        // Another program's.
        |sound: &[u8]| [&sound[..68], &[0; 4], &sound[72..]].concat(),
    ];
    for damage in make {
        let place = Place::new();
        let open = Open::at(&place).await;
        let own = key("k", "/files/a");
        for at in 0..50 {
            open.disk
                .store(&key("k", &format!("/files/{at}")), &answer(5000));
        }
        open.close().await;
        for _ in 0..2 {
            let sound = fs::read(place.file()).unwrap();
            fs::write(place.file(), damage(&sound)).unwrap();
            let open = Open::at(&place).await;
            open.disk.store(&own, &answer(1000));
            open.close().await;
            assert_eq!(place.set_aside(), 1);
        }
        let open = Open::at(&place).await;
        assert!(is_there(&open.disk, &own, &[]).await);
        assert_eq!(open.disk.stats().entries, 1);
    }
}

#[tokio::test]
async fn an_empty_file_is_begun_anew() {
    let place = Place::new();
    fs::create_dir(&place.0).unwrap();
    fs::write(place.file(), "").unwrap();
    let open = Open::at(&place).await;
    assert_eq!(open.disk.stats().trouble, None);
    assert_eq!(place.set_aside(), 0);
}

#[tokio::test]
async fn damage_within_the_file_is_found_while_it_is_read() {
    let place = Place::new();
    let open = Open::at(&place).await;
    let paths: Vec<_> = (0..200)
        .map(|it| key("k", &format!("/files/{it}")))
        .collect();
    for path in &paths {
        open.disk.store(path, &answer(3000));
    }
    open.close().await;
    let mut bytes = fs::read(place.file()).unwrap();
    let length = bytes.len();
    // All but the first pages, which hold the schema.
    for byte in &mut bytes[60_000..length - 20_000] {
        *byte = byte.wrapping_add(13);
    }
    fs::write(place.file(), bytes).unwrap();
    let open = Open::at(&place).await;
    for path in &paths {
        // None of them is served.
        if let Some(found) = open.disk.find(path, &[]).await {
            assert!(found.is_doubtful().is_some());
        }
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    open.disk.store(&paths[0], &answer(100));
    let stats = open.close().await;
    assert_eq!((stats.trouble, place.set_aside()), (None, 1));
}

#[tokio::test]
async fn changed_bytes_of_an_answer_are_not_served() {
    let place = Place::new();
    let open = Open::at(&place).await;
    let own = key("k", "/files/a");
    open.disk.store(&own, &answer(2000));
    open.close().await;
    let connection = rusqlite::Connection::open(place.file()).unwrap();
    connection
        .execute("UPDATE bodies SET bytes = zeroblob(2000)", [])
        .unwrap();
    drop(connection);
    let open = Open::at(&place).await;
    assert!(!is_there(&open.disk, &own, &[]).await);
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_reported() {
    let place = Place::new();
    fs::write(&place.0, "a file").unwrap();
    let below = Place(place.0.join("cache"));
    let open = Open::at(&below).await;
    let stats = open.disk.stats();
    assert!(stats.trouble.is_some() && stats.errors > 0, "{stats:?}");
    open.disk.store(&key("k", "/files/a"), &answer(10));
    open.disk.note_write(&[name("a")], Certainty::Certain);
    open.disk.recorded().await;
    assert_eq!(open.disk.stats().dropped_writes, 1);
    open.close().await;
    fs::remove_file(&place.0).unwrap();
}

#[tokio::test]
async fn processes_see_each_others_answers_and_writes() {
    let place = Place::new();
    let (one, two) = (Open::at(&place).await, Open::at(&place).await);
    let own = key("k", "/files/a");
    one.disk.store(&own, &answer(100));
    let began = std::time::Instant::now();
    while !(two.disk.may_have(&own) && is_there(&two.disk, &own, &[name("a")]).await) {
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = Moment::now();
    two.disk.note_write(&[name("a")], Certainty::Certain);
    two.disk.recorded().await;
    assert!(!is_there(&one.disk, &own, &[name("a")]).await);
    let began = std::time::Instant::now();
    while one.disk.changes().last(&[name("a")]) < before {
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_file_that_is_deleted_is_begun_anew() {
    let place = Place::new();
    let open = Open::at(&place).await;
    fs::remove_dir_all(&place.0).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let own = key("k", "/files/a");
    open.disk.store(&own, &answer(100));
    assert_eq!(open.close().await.entries, 1);
    let open = Open::at(&place).await;
    assert!(is_there(&open.disk, &own, &[]).await);
}

#[tokio::test]
async fn a_clock_that_was_set_back_begins_a_new_file() {
    let place = Place::new();
    let open = Open::at(&place).await;
    open.disk.store(&key("k", "/files/a"), &answer(100));
    open.close().await;
    let connection = rusqlite::Connection::open(place.file()).unwrap();
    let future = wall_now() + 7200 * MICROS;
    connection
        .execute("UPDATE state SET clock = ?1", [future])
        .unwrap();
    drop(connection);
    let open = Open::at(&place).await;
    assert_eq!((open.disk.stats().entries, place.set_aside()), (0, 1));
}

#[test]
fn neither_key_nor_path_stands_in_the_identity() {
    let (one, two) = (key("one", "/files/a"), key("two", "/files/a"));
    let (a, b) = (DiskKey::of(&one), DiskKey::of(&two));
    assert!(a.row != b.row && a.owner != b.owner && a.seed != b.seed);
    assert_eq!(DiskKey::of(&key("one", "/files/b")).owner, a.owner);
    let hash = one.owner.unwrap().hex();
    assert!(!hash.contains(&hex::encode(a.owner.to_le_bytes())));
}
