use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::{Duration, Instant};

use super::*;

fn of(base: &tempfile::TempDir) -> RunDirectory {
    RunDirectory::below(base.path())
}

fn announcement(publishes: &str) -> Registered {
    let publishes = Some(publishes.to_owned());
    Registered { default: "tcp://127.0.0.1:1".into(), publishes, ..Registered::default() }
}

fn files(directory: &RunDirectory) -> Vec<String> {
    let files = fs::read_dir(directory.path()).expect("readable").flatten();
    let mut names: Vec<_> =
        files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_directory_is_the_users_alone() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    assert_eq!(fs::metadata(directory.path()).expect("it exists").mode_bits(), 0o700);
    create(directory.path()).expect("it is used again");
}

trait ModeBits {
    fn mode_bits(&self) -> u32;
}

impl ModeBits for fs::Metadata {
    fn mode_bits(&self) -> u32 {
        self.permissions().mode() & 0o7777
    }
}

#[test]
fn a_directory_that_others_could_change_is_refused_with_the_reason() {
    let base = tempfile::tempdir().expect("directory");
    let path = |name: &str| base.path().join(name);
    fs::create_dir(path("real")).expect("directory");
    symlink(path("real"), path("link")).expect("link");
    fs::write(path("file"), "").expect("file");
    fs::create_dir(path("open")).expect("directory");
    fs::set_permissions(path("open"), Permissions::from_mode(0o755)).expect("permissions");
    for (name, why) in [
        ("link", "it is a symbolic link"),
        ("file", "it is not a directory"),
        ("open", "other users have access to it (mode 755)"),
        ("missing/zlog", "no such file or directory"),
    ] {
        let said = create(&path(name)).expect_err(name).to_string();
        assert!(said.contains(why) && said.contains(name), "{said}");
    }
    // Directories of other users exist everywhere; root can make one.
    let (other, owner) = match rustix::process::geteuid().is_root() {
        true => (path("real"), 65534),
        false => (PathBuf::from("/tmp"), 0),
    };
    if owner > 0 {
        fs::set_permissions(&other, Permissions::from_mode(0o700)).expect("permissions");
        chown(&other, Some(owner), None).expect("root may");
    }
    let said = create(&other).expect_err("of another user").to_string();
    assert!(said.contains(&format!("it belongs to another user (uid {owner})")), "{said}");
}

#[test]
fn without_reports_of_changes_the_directory_is_looked_at_twice_in_half_a_second() {
    let base = tempfile::tempdir().expect("directory");
    let start = Instant::now();
    let mut watch = Watch::without_changes(of(&base), start);
    assert!(watch.has_changed(start));
    let wait = watch.wait_at_most(start).expect("nothing reports a change");
    assert!(wait <= Duration::from_millis(250), "{wait:?}");
    assert!(watch.has_changed(start + wait));
}

#[test]
fn a_process_is_found_from_its_announcement_until_its_end() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    let mut registration = directory.register("emit").expect("registered");
    assert_eq!(directory.registered(), [], "not announced yet");
    let path = registration.publish_path();
    let endpoints = announcement(&format!("ipc://{}", path.display()));
    registration.announce(&endpoints).expect("written");
    let name = format!("emit-{}", std::process::id());
    let found = directory.registered();
    let since = found[0].since;
    assert!(found[0].age().expect("a time") < Duration::from_secs(60), "{since:?}");
    assert_eq!(found, [Registered { name, since, ..endpoints }]);
    drop(registration);
    assert_eq!(directory.registered(), []);
    assert!(files(&directory).is_empty());
}

#[test]
fn a_subscriber_learns_what_it_has_missed_once() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    let mut tail = directory.register(SUBSCRIBER).expect("registered");
    tail.announce(&announcement("x")).expect("written");
    assert_eq!(tail.take_missed(), []);
    let name = [tail.name().into_owned()];
    let missed = |records| Missed { process: std::process::id(), records };
    directory.report_missed(&name, 1);
    directory.report_missed(&name, 17);
    assert_eq!(tail.take_missed(), [missed(1), missed(17)]);
    assert_eq!(tail.take_missed(), []);
    directory.report_missed(&name, 3);
    assert_eq!(tail.take_missed(), [missed(3)]);
    // One that does not read makes no file grow without end.
    (0..1000).for_each(|_| directory.report_missed(&name, u64::MAX));
    let file = directory.path().join(format!("{}.lock", name[0]));
    assert!(fs::metadata(file).expect("it exists").len() < 5000);
    directory.report_missed(&["tail-1".to_owned()], 1);
    assert_eq!(files(&directory).len(), 1, "no file of a process that has ended");
}

#[test]
fn what_is_no_regular_file_is_no_registration_and_keeps_nobody_waiting() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    let path = |name: &str| directory.path().join(name);
    let fifo = rustix::fs::Mode::from_raw_mode(0o600);
    let no_device = 0;
    let own = format!("emit-{}.lock", std::process::id());
    for name in ["tail-1.lock", &own] {
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path(name), kind, fifo, no_device).expect("a pipe");
    }
    symlink("/dev/zero", path("emit-2.lock")).expect("link");
    symlink("nowhere", path(&own.replace(".lock", "-1.lock"))).expect("link");
    fs::create_dir(path("emit-3.lock")).expect("directory");
    assert_eq!(directory.registered(), []);
    let registration = directory.register("emit").expect("registered");
    assert_eq!(registration.name(), own.replace(".lock", "-2"));
}

#[test]
fn processes_with_the_same_id_get_different_names() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    let all = [(); 3].map(|()| directory.register("emit").expect("registered"));
    let mut paths = all.each_ref().map(Registration::publish_path).to_vec();
    paths.dedup();
    assert_eq!(paths.len(), 3);
}

#[test]
fn whatever_a_killed_process_leaves_is_removed_and_no_other_file() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    for name in ["emit-7.lock", "emit-7", "relay-8.lock", "relay-8.collect", "relay-8.ask", "notes"]
    {
        fs::write(directory.path().join(name), "default tcp://127.0.0.1:1\n").expect("file");
    }
    assert_eq!(directory.registered(), []);
    assert_eq!(files(&directory), ["notes"]);
}

#[test]
fn a_name_that_a_killed_process_has_left_is_used_again() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    let name = format!("emit-{}", std::process::id());
    fs::write(directory.path().join(format!("{name}.lock")), "").expect("file");
    let registration = directory.register("emit").expect("registered");
    assert_eq!(registration.publish_path(), directory.path().join(name));
}

#[test]
fn many_processes_may_register_and_look_at_the_same_time() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut own = directory.register("emit").expect("registered");
                    let path = own.publish_path().display().to_string();
                    own.announce(&announcement(&path)).expect("written");
                    let found = directory.registered();
                    let has = |one: &Registered| one.publishes.as_ref() == Some(&path);
                    assert_eq!(found.iter().filter(|one| has(one)).count(), 1);
                }
            });
        }
    });
    assert!(files(&directory).is_empty());
}

#[test]
fn a_watch_notices_an_announcement_and_a_directory_that_was_removed() {
    let base = tempfile::tempdir().expect("directory");
    let directory = of(&base);
    let start = Instant::now();
    let mut watch = Watch::new(directory.clone(), start);
    assert!(watch.has_changed(start), "whatever is there already");
    for round in 0..2 {
        let mut registration = directory.register("emit").expect("registered");
        registration.announce(&announcement("ipc:///x")).expect("written");
        let until = Instant::now() + Duration::from_secs(60);
        while !watch.has_changed(Instant::now()) {
            assert!(Instant::now() < until, "round {round}");
            std::thread::yield_now();
        }
        drop(registration);
        fs::remove_dir(directory.path()).expect("empty");
        while !directory.path().exists() {
            watch.has_changed(Instant::now());
            assert!(Instant::now() < until, "not created again");
        }
    }
}

#[test]
fn a_directory_whose_path_is_too_long_for_sockets_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let long = directory.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    let own = |base: &Path| paths(Some(base.as_os_str().to_owned())).unwrap().0;
    assert_eq!(own(directory.path()), directory.path().join("zlog"));
    assert!(!own(&long).starts_with(directory.path()));
}
