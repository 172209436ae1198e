use std::os::unix::fs::PermissionsExt;

use super::*;

fn open(directory: &Path) -> Spool {
    open_with(directory, 64 << 20)
}

fn open_with(directory: &Path, bytes: u64) -> Spool {
    Spool::open(SpoolOptions { directory: directory.to_owned(), bytes }, SpoolKind::Emitter)
        .unwrap()
}

fn append(spool: &mut Spool, texts: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    for text in texts {
        spool.append(&[text.as_ref()]).unwrap().unwrap();
    }
    spool.write().unwrap();
}

/// All records up to this number are done with.
fn advance(spool: &mut Spool, number: u64) {
    spool.advance(number).unwrap();
    spool.delete_done();
}

/// The numbers and texts behind `after`, and how many records are damaged.
fn read(spool: &mut Spool, after: u64) -> (Vec<(u64, String)>, u64) {
    let (mut reader, mut found) = (SpoolReader::new(after), Vec::new());
    loop {
        while let Some(entry) = reader.next_entry() {
            found.push((entry.number, String::from_utf8(entry.payload.to_vec()).unwrap()));
        }
        if !reader.load(spool) {
            return (found, reader.take_damaged());
        }
    }
}

/// What is not done with, and how many records are damaged.
fn read_rest(spool: &mut Spool) -> (Vec<(u64, String)>, u64) {
    let done = spool.done();
    read(spool, done)
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, String)> {
    numbers.into_iter().map(|number| (number, text(number))).collect()
}

/// The text of a record: about 1 KB.
fn text(number: u64) -> String {
    format!("{number} {}", "x".repeat(1000))
}

fn fill(spool: &mut Spool, numbers: std::ops::RangeInclusive<u64>) {
    append(spool, numbers.map(text));
}

/// The paths of the segments, the oldest first.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(SUFFIX));
    paths.sort();
    paths
}

/// Changes a byte of a file.
fn damage(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn what_was_not_done_with_is_read_by_the_next_process_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    fill(&mut spool, 1..=100);
    advance(&mut spool, 40);
    drop(spool);
    let mut spool = open(directory.path());
    assert_eq!((spool.done(), spool.waiting()), (40, 60));
    fill(&mut spool, 101..=150);
    assert_eq!(read(&mut spool, 40), (numbered(41..=150), 0));
    spool.end_segment();
    advance(&mut spool, 150);
    drop(spool);
    assert_eq!(files(directory.path()), [] as [PathBuf; 0]);
    assert_eq!(open(directory.path()).waiting(), 0);
}

#[test]
fn each_process_numbers_as_a_source_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        fill(&mut open(directory.path()), number..=number);
    }
    let mut spool = open(directory.path());
    let mut sources: Vec<_> = spool.segments.iter().map(|it| it.header).collect();
    sources.dedup_by_key(|header| header.source);
    assert_eq!(sources.len(), 3);
    assert_eq!(read(&mut spool, 0), (numbered(1..=3), 0));
}

#[test]
fn a_reader_follows_a_spool_that_grows() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_with(directory.path(), 1 << 20);
    let mut reader = SpoolReader::new(0);
    for number in 1..=500 {
        fill(&mut spool, number..=number);
        while reader.next_entry().is_none() {
            assert!(reader.load(&mut spool));
        }
        assert_eq!(reader.position(), number);
        advance(&mut spool, number);
    }
    assert!(files(directory.path()).len() <= 2);
    assert_eq!(reader.take_damaged(), 0);
}

#[test]
fn a_reader_goes_on_when_everything_that_it_has_read_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    fill(&mut open(directory.path()), 1..=10);
    let mut spool = open(directory.path());
    let mut reader = SpoolReader::new(0);
    for last in [10, 20, 30] {
        while reader.position() < last {
            assert!(reader.next_entry().is_some() || reader.load(&mut spool));
        }
        spool.end_segment();
        advance(&mut spool, last);
        assert_eq!(files(directory.path()).len(), 0);
        fill(&mut spool, last + 1..=last + 10);
    }
    assert_eq!(reader.take_damaged(), 0);
}

#[test]
fn records_beyond_the_bound_have_no_room_until_others_are_done_with() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_with(directory.path(), 1 << 20);
    let mut last = 0;
    let full = loop {
        match spool.append(&[text(last + 1).as_bytes()]).unwrap() {
            Ok(number) => last = number,
            Err(why) => break why,
        }
    };
    assert!(matches!(full, NoRoom::Bound), "{full:?}");
    assert!((900..1100).contains(&last), "{last}");
    spool.write().unwrap();
    advance(&mut spool, last / 2);
    assert_eq!(spool.append(&[text(last + 1).as_bytes()]).unwrap().unwrap(), last + 1);
    spool.write().unwrap();
    assert_eq!(read(&mut spool, last / 2), (numbered(last / 2 + 1..=last + 1), 0));
    let size: u64 = files(directory.path()).iter().map(|it| it.metadata().unwrap().len()).sum();
    assert!(size <= 1 << 20, "{size}");
    let too_long = vec![0; 2 << 20];
    assert!(matches!(spool.append(&[&too_long]).unwrap(), Err(NoRoom::TooLong)));
}

#[test]
fn a_torn_last_record_is_left_out_and_appending_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    fill(&mut open(directory.path()), 1..=10);
    let path = &files(directory.path())[0];
    let len = path.metadata().unwrap().len();
    for cut in [1, 500, 1010, 1017] {
        File::options().write(true).open(path).unwrap().set_len(len - cut).unwrap();
        let mut spool = open(directory.path());
        assert_eq!(read(&mut spool, 0), (numbered(1..=9), 0));
        assert_eq!(spool.appended(), 9);
    }
    let mut spool = open(directory.path());
    fill(&mut spool, 10..=12);
    assert_eq!(read(&mut spool, 0), (numbered(1..=12), 0));
}

#[test]
fn a_damaged_record_is_skipped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    fill(&mut open(directory.path()), 1..=10);
    damage(&files(directory.path())[0], 36 + 3 * (20 + 1002) + 24);
    let mut spool = open(directory.path());
    assert_eq!(read(&mut spool, 0), (numbered([1, 2, 3, 5, 6, 7, 8, 9, 10]), 1));
    // Neither is one that was done with.
    assert_eq!(read(&mut spool, 4), (numbered(5..=10), 0));
    assert_eq!(read(&mut spool, 7), (numbered(8..=10), 0));
}

#[test]
fn a_last_record_that_is_whole_and_damaged_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    fill(&mut open(directory.path()), 1..=9);
    let file = &files(directory.path())[0];
    damage(file, file.metadata().unwrap().len() - 3);
    let mut spool = open(directory.path());
    assert_eq!((spool.appended(), spool.waiting()), (9, 9));
    assert_eq!(read(&mut spool, 0), (numbered(1..=8), 1));
    fill(&mut spool, 10..=12);
    assert_eq!(read(&mut spool, 0), (numbered((1..=8).chain(10..=12)), 1));
}

#[test]
fn a_file_that_cannot_be_read_is_counted_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_with(directory.path(), 1 << 20);
    fill(&mut spool, 1..=300);
    let paths = files(directory.path());
    let first = |at: usize| Header::decode(&fs::read(&paths[at]).unwrap()).unwrap().first;
    let (from, to) = (first(1), first(2));
    // Reading it fails: it is shorter than what was written.
    File::options().write(true).open(&paths[1]).unwrap().set_len(50_000).unwrap();
    assert_eq!(read(&mut spool, 0), (numbered((1..from).chain(to..=300)), to - from));
    advance(&mut spool, 300);
    let kept = format!("{}{DAMAGED}", paths[1].display());
    assert_eq!(fs::metadata(kept).unwrap().len(), 50_000);
}

#[test]
fn a_damaged_segment_in_the_middle_is_skipped_and_counted() {
    let ways: [&dyn Fn(&Path); 3] =
        [&|path| damage(path, 9), &|path| fs::write(path, vec![0; 70_000]).unwrap(), &|path| {
            fs::write(path, "").unwrap()
        }];
    for way in ways {
        let directory = tempfile::tempdir().unwrap();
        fill(&mut open_with(directory.path(), 1 << 20), 1..=300);
        let paths = files(directory.path());
        let first = |at: usize| Header::decode(&fs::read(&paths[at]).unwrap()).unwrap().first;
        let (from, to) = (first(1), first(2));
        way(&paths[1]);
        let mut spool = open_with(directory.path(), 1 << 20);
        let expected = numbered((1..from).chain(to..=300));
        assert_eq!(read(&mut spool, 0), (expected, to - from));
        assert_eq!((spool.unreadable(), spool.lost_at_end()), (1, 0));
        fill(&mut spool, 301..=302);
        spool.end_segment();
        advance(&mut spool, 302);
        assert_eq!(files(directory.path()).len(), 0);
    }
}

#[test]
fn records_of_a_damaged_first_segment_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_with(directory.path(), 1 << 20);
    fill(&mut spool, 1..=300);
    advance(&mut spool, 10);
    drop(spool);
    let paths = files(directory.path());
    let second = Header::decode(&fs::read(&paths[1]).unwrap()).unwrap().first;
    damage(&paths[0], 9);
    let mut spool = open_with(directory.path(), 1 << 20);
    assert_eq!((spool.unreadable(), spool.lost_at_end(), spool.done()), (1, 0, 10));
    assert_eq!(spool.waiting(), 290, "damaged ones included");
    assert_eq!(read_rest(&mut spool), (numbered(second..=300), second - 11));
    advance(&mut spool, 300);
    drop(spool);
    assert_eq!(open_with(directory.path(), 1 << 20).waiting(), 0, "they are counted once");
}

#[test]
fn records_of_equal_size_to_the_bound_follow_one_another() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_with(directory.path(), 1 << 20);
    let large = "x".repeat(900_000);
    append(&mut spool, [&large]);
    assert!(matches!(spool.append(&[large.as_bytes()]).unwrap(), Err(NoRoom::Bound)));
    advance(&mut spool, 1);
    // The file that is appended to takes the space.
    assert!(matches!(spool.append(&[large.as_bytes()]).unwrap(), Err(NoRoom::Bound)));
    spool.end_segment();
    spool.delete_done();
    append(&mut spool, [&large]);
}

#[test]
fn what_is_no_regular_file_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fill(&mut open(directory.path()), 1..=10);
    let options = || SpoolOptions { directory: directory.path().to_owned(), bytes: 1 << 20 };
    let file = files(directory.path()).remove(0);
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &file).unwrap();
    let spool = Spool::open(options(), SpoolKind::Emitter).unwrap();
    assert_eq!(spool.unreadable(), 0);
    drop(spool);
    assert!(file.symlink_metadata().is_ok(), "it is not touched");
}

#[test]
fn a_file_after_whose_number_there_is_no_room_is_refused_and_other_spellings_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fill(&mut open(directory.path()), 1..=10);
    fs::copy(&files(directory.path())[0], directory.path().join("7.segment")).unwrap();
    assert_eq!(read(&mut open(directory.path()), 0), (numbered(1..=10), 0));
    let last = directory.path().join(format!("{}.segment", u64::MAX));
    fs::copy(&files(directory.path())[0], &last).unwrap();
    let options = SpoolOptions { directory: directory.path().to_owned(), bytes: 1 << 20 };
    let refused = Spool::open(options, SpoolKind::Emitter).err().unwrap().to_string();
    assert!(refused.contains("18446744073709551615.segment"), "{refused}");
    fs::remove_file(last).unwrap();
    assert_eq!(read(&mut open(directory.path()), 0), (numbered(1..=10), 0));
}

#[test]
fn a_damaged_last_segment_does_not_stop_the_start() {
    let directory = tempfile::tempdir().unwrap();
    fill(&mut open(directory.path()), 1..=10);
    fill(&mut open(directory.path()), 11..=20);
    damage(&files(directory.path())[1], 1);
    let mut spool = open(directory.path());
    assert_eq!((spool.unreadable(), spool.appended()), (1, 10));
    assert_eq!(spool.lost_at_end(), 1, "nobody knows how many there were");
    let aside = |path: &PathBuf| path.to_string_lossy().ends_with(".damaged");
    let all = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(all.filter(aside).count(), 1);
    fill(&mut spool, 11..=12);
    assert_eq!(read(&mut spool, 0), (numbered(1..=12), 0));
}

#[test]
fn a_cursor_that_is_lost_makes_records_come_again_and_an_old_one_reports_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let cursor = directory.path().join("cursor");
    let mut spool = open_with(directory.path(), 1 << 20);
    fill(&mut spool, 1..=10);
    let old = fs::read(&cursor).unwrap();
    fill(&mut spool, 11..=300);
    advance(&mut spool, 250);
    drop(spool);
    fs::write(&cursor, old).unwrap();
    let mut spool = open_with(directory.path(), 1 << 20);
    let (found, damaged) = read_rest(&mut spool);
    assert!(found[0].0 > 1 && found[0].0 <= 251 && damaged == 0, "{}, {damaged}", found[0].0);
    drop(spool);
    fs::remove_file(&cursor).unwrap();
    let mut spool = open_with(directory.path(), 1 << 20);
    assert_eq!(read_rest(&mut spool).0.last().unwrap().0, 300);
}

#[test]
fn a_directory_belongs_to_one_process_and_to_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/spool");
    let mut spool = open(&path);
    fill(&mut spool, 1..=1);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let options = SpoolOptions { directory: path.clone(), bytes: 1 << 20 };
    let refused =
        |options: SpoolOptions| Spool::open(options, SpoolKind::Emitter).err().unwrap().to_string();
    assert!(refused(options.clone()).contains("another zlog uses it"));
    drop(spool);
    let other = Spool::open(options.clone(), SpoolKind::Relay).err().unwrap().to_string();
    assert!(other.contains("it belongs to `zlog emit --spool` or a publish handler"), "{other}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused(options.clone()).contains("chmod go-w"));
    let file = SpoolOptions { directory: files(&path)[0].clone(), ..options };
    assert!(refused(file).contains("Name a directory"));
}

#[test]
fn a_lock_file_of_blanks_gets_the_name_that_the_next_start_finds() {
    for blanks in ["", "\n", " \n".repeat(50).as_str()] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("lock"), blanks).unwrap();
        drop(open(directory.path()));
        drop(open(directory.path()));
    }
}

#[test]
fn a_bound_that_is_too_small_is_refused() {
    assert_eq!(bound("1M"), Ok(1 << 20));
    assert_eq!(bound("1023K"), Err("too small for a spool: write 1M or more".to_owned()));
    assert!(bound("much").unwrap_err().contains("not a size"));
}

#[test]
fn what_is_to_be_synced_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    assert!(spool.take_unsynced().is_none());
    fill(&mut spool, 1..=5);
    assert_eq!(spool.take_unsynced().unwrap().sync().unwrap(), 5);
    assert!(spool.take_unsynced().is_none());
}

#[test]
fn a_copy_of_a_segment_under_another_name_changes_no_number_and_costs_no_record() {
    for name in ["0000000000000000.segment", "0000000000000099.segment"] {
        let directory = tempfile::tempdir().unwrap();
        for first in [1, 11, 21] {
            fill(&mut open(directory.path()), first..=first + 9);
        }
        // That of the numbers from 11, as a restored backup may leave it.
        fs::copy(&files(directory.path())[1], directory.path().join(name)).unwrap();
        let mut spool = open(directory.path());
        assert_eq!(read(&mut spool, 0), (numbered(1..=30), 0), "{name}");
        advance(&mut spool, 20);
        fill(&mut spool, 31..=40);
        assert_eq!(spool.appended(), 40, "{name}");
        assert_eq!(read(&mut spool, 20), (numbered(21..=40), 0), "{name}");
        drop(spool);
        assert_eq!(read_rest(&mut open(directory.path())), (numbered(21..=40), 0), "{name}");
    }
}

#[test]
fn what_is_appended_after_a_segment_became_unreadable_goes_to_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    let mut reader = SpoolReader::new(0);
    fill(&mut spool, 1..=10);
    assert!(reader.load(&mut spool));
    while reader.next_entry().is_some() {}
    fill(&mut spool, 11..=20);
    // Now its end can't be read.
    File::options().write(true).open(&files(directory.path())[0]).unwrap().set_len(100).unwrap();
    while reader.load(&mut spool) {}
    assert_eq!((reader.take_damaged(), reader.position()), (10, 20));
    fill(&mut spool, 21..=30);
    assert!(reader.load(&mut spool));
    let next: Vec<u64> = std::iter::from_fn(|| Some(reader.next_entry()?.number)).collect();
    assert_eq!(next, Vec::from_iter(21..=30));
    // Also for the next process.
    drop(spool);
    assert_eq!(read(&mut open(directory.path()), 20), (numbered(21..=30), 0));
}

#[test]
fn what_is_held_is_read_once_it_is_committed() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    fill(&mut spool, 1..=3);
    spool.hold();
    fill(&mut spool, 4..=9);
    let mut reader = SpoolReader::new(0);
    let mut found = Vec::new();
    for committed in [3, 3, 5, 9] {
        spool.commit(committed);
        while reader.load(&mut spool) {
            while let Some(entry) = reader.next_entry() {
                found.push(entry.number);
            }
        }
        assert_eq!(found, (1..=committed).collect::<Vec<_>>());
    }
    assert_eq!(reader.take_damaged(), 0);
    fill(&mut spool, 10..=11);
    assert_eq!(read(&mut spool, 0), (numbered(1..=9), 0));
    spool.release();
    assert_eq!(read(&mut spool, 0), (numbered(1..=11), 0));
}

#[test]
fn a_spool_that_is_full_of_held_records_lets_them_go() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    fill(&mut spool, 1..=2);
    spool.hold();
    fill(&mut spool, 3..=4);
    assert!(!spool.commit_if_stuck(), "committed ones are not done with");
    spool.advance(2).unwrap();
    assert!(spool.commit_if_stuck() && !spool.commit_if_stuck());
    assert_eq!(read_rest(&mut spool), (numbered(3..=4), 0));
}

#[test]
fn what_was_appended_after_a_record_is_removed() {
    // The segments of 1 MiB have some 60 records each.
    for last in [100, 130, 199, 200, 500] {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = open_with(directory.path(), MIN_BYTES);
        fill(&mut spool, 1..=100);
        drop(spool);
        let mut spool = open_with(directory.path(), MIN_BYTES);
        fill(&mut spool, 101..=200);
        let source = spool.last_appended().source;
        drop(spool);
        let mut spool = open_with(directory.path(), MIN_BYTES);
        // Another process has not appended anything: it is not the last one.
        spool.truncate_after(RecordId { source: SourceId(7), number: 1 }).unwrap();
        assert_eq!(spool.last_appended().number, 200);
        spool.truncate_after(RecordId { source, number: last }).unwrap();
        let last = last.min(200);
        assert_eq!((spool.last_appended().number, spool.written()), (last, last));
        fill(&mut spool, last + 1..=last + 3);
        assert_eq!(read(&mut spool, 0), (numbered(1..=last + 3), 0));
        drop(spool);
        let mut spool = open_with(directory.path(), MIN_BYTES);
        assert_eq!(read(&mut spool, 0), (numbered(1..=last + 3), 0));
        let bytes: u64 =
            files(directory.path()).iter().map(|it| it.metadata().unwrap().len()).sum();
        assert_eq!(spool.bytes(), bytes);
    }
}
