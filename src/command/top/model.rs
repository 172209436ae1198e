//! What is known about a stream: counts in bounded memory, the newest errors, what relays tell.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::relay::status_table;
use super::counts::{Counts, PerSecond, second_of};
use zlog_core::sequence::SequenceTracker;
use zlog_core::text::prefix;
use zlog_core::topic_table::TopicTable;
use zlog_core::wire::mark::Mark;
use zlog_core::wire::query::Status;
use zlog_core::wire::topic;
use zlog_core::{Level, Record};

/// Most topics and sources, and most levels: senders choose their names. A topic takes some 400
/// bytes and its name.
const MAX_NAMES: usize = 20_000;
const MAX_LEVELS: usize = 100;
/// Most errors that are kept, and most records of what is watched.
const MAX_RECORDS: usize = 100;
/// A larger record is kept without most of its fields, and its texts are cut.
const MAX_RECORD_BYTES: usize = 64 << 10;
const MAX_TEXT_BYTES: usize = 16 << 10;
/// Most lines of a relay's status that are shown, and their length.
const MAX_LINES: usize = 1000;
const MAX_LINE_BYTES: usize = 2000;
/// Most messages to the user that are kept.
const MAX_NOTICES: usize = 100;
/// The largest lag is that of so many seconds.
const LAG_SECONDS: usize = 10;
/// The name of what has none: records without a source, or without a level.
pub(super) const NONE: &str = "-";

/// By what records are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Group {
    Topic,
    Level,
    Source,
}

impl Group {
    pub(super) const ALL: [Group; 3] = [Group::Topic, Group::Level, Group::Source];
}

/// The counts of a group, by name.
#[derive(Clone, Debug)]
pub(super) struct Names {
    table: TopicTable<Counts>,
    /// Records of names that have made room for others, or were refused.
    pub(super) others: u64,
}

impl Names {
    fn new(capacity: usize) -> Names {
        Names { table: TopicTable::new(capacity), others: 0 }
    }

    /// The counts of a name. `None` if the table is full of others that are in use.
    fn get(&mut self, name: &str) -> Option<&mut Counts> {
        let others = &mut self.others;
        self.table.get_or_insert_with("", name, Counts::new, |counts| {
            *others += counts.records;
            true
        })
    }

    fn count(&mut self, name: &str, second: u32, lag: Option<f32>) {
        match self.get(name) {
            Some(counts) => counts.count(second, lag),
            None => self.others += 1,
        }
    }

    /// All names and their counts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Counts)> {
        self.table.iter().map(|(_, name, counts)| (name, counts))
    }

    /// The number of names.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

/// A relay, and what it has answered last.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    /// Its query endpoint.
    pub(super) endpoint: String,
    pub(super) status: Arc<Status>,
    /// The lines of its table, escaped.
    pub(super) table: Arc<Vec<String>>,
}

impl Relay {
    /// The table is made once: a stranger's answer may have megabytes.
    pub(super) fn new(endpoint: String, status: Status) -> Relay {
        let table = status_table(&status);
        let lines =
            table.lines().take(MAX_LINES).map(|line| prefix(line, MAX_LINE_BYTES).to_owned());
        Relay { endpoint, table: Arc::new(lines.collect()), status: Arc::new(status) }
    }
}

/// What is watched: one topic, level or source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WatchedName {
    pub(super) group: Group,
    pub(super) name: String,
}

/// Counts of a stream since its start.
#[derive(Debug)]
pub(super) struct Model {
    started: Instant,
    elapsed: Duration,
    pub(super) total: Counts,
    /// The largest lag of each second.
    lags: PerSecond<f32, LAG_SECONDS>,
    topics: Names,
    levels: Names,
    sources: Names,
    sequences: SequenceTracker,
    /// Whether some losses may have gone unseen.
    pub(super) is_incomplete: bool,
    /// Records that the filters left out.
    pub(super) left_out: u64,
    /// Records whose body could not be decoded.
    pub(super) undecoded: u64,
    /// The newest errors, the newest first.
    pub(super) errors: VecDeque<Arc<Record<'static>>>,
    watched: Option<WatchedName>,
    /// The newest records of what is watched, the newest first.
    pub(super) records: VecDeque<Arc<Record<'static>>>,
    /// Publishers that are connected, for each endpoint; empty for a stream of NATS.
    pub(super) endpoints: Vec<(String, usize)>,
    pub(super) relays: Vec<Relay>,
    /// Messages to the user, the newest last.
    pub(super) notices: VecDeque<String>,
    /// Reused: the topic of a record that has none.
    scratch: String,
}

impl Model {
    /// Begins to count at `now`.
    pub(super) fn new(now: Instant) -> Model {
        Model {
            started: now,
            elapsed: Duration::ZERO,
            total: Counts::new(),
            lags: PerSecond::new(),
            topics: Names::new(MAX_NAMES),
            levels: Names::new(MAX_LEVELS),
            sources: Names::new(MAX_NAMES),
            sequences: SequenceTracker::default(),
            is_incomplete: false,
            left_out: 0,
            undecoded: 0,
            errors: VecDeque::new(),
            watched: None,
            records: VecDeque::new(),
            endpoints: Vec::new(),
            relays: Vec::new(),
            notices: VecDeque::new(),
            scratch: String::new(),
        }
    }

    /// A copy that does not change any more: for a picture that is paused.
    pub(super) fn copy(&self) -> Model {
        Model {
            topics: self.topics.clone(),
            levels: self.levels.clone(),
            sources: self.sources.clone(),
            total: self.total.clone(),
            lags: self.lags.clone(),
            sequences: SequenceTracker::default(),
            errors: self.errors.clone(),
            watched: self.watched.clone(),
            records: self.records.clone(),
            endpoints: self.endpoints.clone(),
            relays: self.relays.clone(),
            notices: self.notices.clone(),
            scratch: String::new(),
            ..*self
        }
    }

    /// Counts from now on, and forgets the counts so far. Sequence numbers go on.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Model {
            sequences: std::mem::take(&mut self.sequences),
            endpoints: std::mem::take(&mut self.endpoints),
            relays: std::mem::take(&mut self.relays),
            notices: std::mem::take(&mut self.notices),
            ..Model::new(now)
        };
    }

    /// Sets the time. To be called before the records of each batch.
    pub(super) fn set_time(&mut self, now: Instant) {
        self.elapsed = now.saturating_duration_since(self.started);
    }

    /// Time since the start, when it was set last.
    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The counts of a group.
    pub(super) fn names(&self, group: Group) -> &Names {
        match group {
            Group::Topic => &self.topics,
            Group::Level => &self.levels,
            Group::Source => &self.sources,
        }
    }

    /// The largest lag of the last seconds.
    pub(super) fn worst_lag(&self) -> Option<f32> {
        let second = second_of(self.elapsed);
        let seconds = second.saturating_sub(LAG_SECONDS as u32 - 1)..=second;
        self.total.lag.map(|_| seconds.map(|second| self.lags.at(second)).fold(0.0, f32::max))
    }

    /// Counts a record of a topic that is asked for. `passes` is whether the filters let it pass;
    /// its sequence number counts in any case. May take the record out of its place.
    pub(super) fn observe(&mut self, record: &mut Record<'_>, passes: bool) {
        if let (Some(source), Some(seq)) = (record.source.as_deref(), record.seq) {
            let missing = self.sequences.observe(source, &record.topic, seq);
            self.lose(source, &record.topic, missing);
        }
        if !passes {
            self.left_out += 1;
            return;
        }
        let second = second_of(self.elapsed);
        let lag = record
            .received
            .zip(record.created)
            .map(|(received, created)| (received - created) as f32);
        let lag = lag.filter(|lag| lag.is_finite());
        self.total.count(second, lag);
        if let Some(lag) = lag {
            let worst = self.lags.at_mut(second);
            *worst = worst.max(lag);
        }
        self.undecoded += u64::from(record.fault.is_some());
        let topic = topic::of(record, &mut self.scratch);
        let level = topic::level_of(record);
        let level_name = name_of(level, record.levelname.as_deref());
        let source = record.source.as_deref().unwrap_or(NONE);
        self.topics.count(topic, second, lag);
        self.levels.count(&level_name, second, lag);
        self.sources.count(source, second, lag);
        let is_watched = self.watched.as_ref().is_some_and(|watched| {
            watched.name
                == match watched.group {
                    Group::Topic => topic,
                    Group::Level => &level_name,
                    Group::Source => source,
                }
        });
        let is_error = level >= Level::ERROR;
        if !(is_watched || is_error) {
            return;
        }
        let record = Arc::new(kept(record));
        if is_watched {
            push(&mut self.records, Arc::clone(&record));
        }
        if is_error {
            push(&mut self.errors, record);
        }
    }

    /// Notes what a mark tells, whose topic is asked for.
    pub(super) fn observe_mark(&mut self, mark: &Mark<'_>) {
        let missing = self.sequences.observe_mark(mark);
        if let Mark::Published { source, topic, .. } = mark {
            self.lose(source, topic, missing);
        }
    }

    fn lose(&mut self, source: &str, topic: &str, missing: u64) {
        self.is_incomplete = self.sequences.is_incomplete();
        if missing == 0 {
            return;
        }
        self.total.lost += missing;
        let level = topic::parse(topic).level.unwrap_or(Level::NOTSET);
        let level = name_of(level, None);
        for (names, name) in
            [(&mut self.topics, topic), (&mut self.levels, &*level), (&mut self.sources, source)]
        {
            if let Some(counts) = names.get(name) {
                counts.lost += missing;
            }
        }
    }

    /// Keeps the newest records of one topic, level or source from now on, or of none.
    pub(super) fn watch(&mut self, watched: Option<WatchedName>) {
        if self.watched != watched {
            self.watched = watched;
            self.records.clear();
        }
    }

    /// Adds a message to the user. One that is repeated is kept once.
    pub(super) fn notify(&mut self, text: String) {
        if self.notices.back() == Some(&text) {
            return;
        }
        if self.notices.len() == MAX_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(text);
    }

    /// Number of publishers that are connected.
    pub(super) fn publishers(&self) -> usize {
        self.endpoints.iter().map(|(_, peers)| peers).sum()
    }
}

/// The name of a level: the sender's own, if it gave one.
fn name_of(level: Level, own: Option<&str>) -> std::borrow::Cow<'_, str> {
    match (own, level) {
        (Some(own), _) => own.into(),
        (None, Level::NOTSET) => NONE.into(),
        (None, level) => level.name(),
    }
}

fn push(records: &mut VecDeque<Arc<Record<'static>>>, record: Arc<Record<'static>>) {
    records.truncate(MAX_RECORDS - 1);
    records.push_front(record);
}

/// The record as it is kept: a large one without its less important fields, and cut.
fn kept(record: &mut Record<'_>) -> Record<'static> {
    if record.size() <= MAX_RECORD_BYTES {
        return std::mem::take(record).into_owned();
    }
    let cut = |text: &str| match prefix(text, MAX_TEXT_BYTES) {
        all if all.len() == text.len() => text.to_owned(),
        begin => format!("{begin}… ({} bytes)", text.len()),
    };
    let cut_some = |text: &Option<zlog_core::Text<'_>>| text.as_ref().map(|text| cut(text).into());
    Record {
        topic: cut(&record.topic).into(),
        name: cut_some(&record.name),
        msg: cut(&record.message()).into(),
        level: record.level,
        levelname: cut_some(&record.levelname),
        exc_text: cut_some(&record.exc_text),
        created: record.created,
        received: record.received,
        process: record.process,
        hostname: cut_some(&record.hostname),
        source: cut_some(&record.source),
        seq: record.seq,
        fault: cut_some(&record.fault),
        ..Record::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(topic: &str, level: Level, source: &str, seq: u64) -> Record<'static> {
        Record {
            topic: topic.to_owned().into(),
            level,
            msg: format!("{source} {seq}").into(),
            source: Some(source.to_owned().into()),
            seq: Some(seq),
            created: Some(100.0),
            received: Some(100.25),
            ..Record::default()
        }
    }

    fn observe(model: &mut Model, topic: &str, level: Level, source: &str, seq: u64) {
        model.observe(&mut record(topic, level, source, seq), true);
    }

    fn counts<'m>(model: &'m Model, group: Group, name: &str) -> Option<&'m Counts> {
        model.names(group).iter().find(|(known, _)| *known == name).map(|(_, counts)| counts)
    }

    #[test]
    fn records_and_losses_are_counted_by_topic_level_and_source() {
        let mut model = Model::new(Instant::now());
        observe(&mut model, "app.INFO", Level::INFO, "a", 1);
        observe(&mut model, "app.INFO", Level::INFO, "a", 5);
        observe(&mut model, "app.ERROR.db", Level::ERROR, "b", 7);
        let found = |group, name| counts(&model, group, name).map(|it| (it.records, it.lost));
        assert_eq!(found(Group::Topic, "app.INFO"), Some((2, 3)));
        assert_eq!(found(Group::Topic, "app.ERROR.db"), Some((1, 0)));
        assert_eq!(found(Group::Level, "INFO"), Some((2, 3)));
        assert_eq!(found(Group::Source, "a"), Some((2, 3)));
        assert_eq!(found(Group::Source, "b"), Some((1, 0)));
        assert_eq!((model.total.records, model.total.lost, model.total.lag), (3, 3, Some(0.25)));
        assert_eq!(model.worst_lag(), Some(0.25));
        assert_eq!(model.errors.len(), 1);
        assert_eq!(model.errors[0].msg, "b 7");
    }

    #[test]
    fn marks_tell_of_losses_that_no_later_record_shows() {
        let mut model = Model::new(Instant::now());
        observe(&mut model, "app.INFO", Level::INFO, "a", 1);
        let mark =
            Mark::Published { source: "a".into(), topic: "app.INFO".into(), first: 1, last: 4 };
        model.observe_mark(&mark);
        assert_eq!(counts(&model, Group::Topic, "app.INFO").unwrap().lost, 3);
        assert_eq!(model.total.lost, 3);
    }

    #[test]
    fn what_filters_leave_out_is_no_loss_and_is_not_counted() {
        let mut model = Model::new(Instant::now());
        for seq in 1..=4 {
            model.observe(&mut record("app.INFO", Level::INFO, "a", seq), seq == 1 || seq == 4);
        }
        assert_eq!((model.total.records, model.total.lost, model.left_out), (2, 0, 2));
    }

    #[test]
    fn names_that_strangers_invent_take_bounded_memory_and_no_record_goes_uncounted() {
        let mut model = Model::new(Instant::now());
        let many = 3 * MAX_NAMES as u64;
        for n in 0..many {
            let mut record = record(&format!("t{n}"), Level::INFO, &format!("s{n}"), 1);
            record.levelname = Some(format!("L{n}").into());
            model.observe(&mut record, true);
        }
        let long = "x".repeat(1 << 20);
        observe(&mut model, &long, Level::INFO, &long, 1);
        for group in Group::ALL {
            let names = model.names(group);
            let counted: u64 = names.iter().map(|(_, counts)| counts.records).sum();
            assert_eq!(counted + names.others, many + 1, "{group:?}");
            assert!(names.len() <= MAX_NAMES, "{group:?}");
        }
        assert!(model.is_incomplete, "there were more streams than are tracked");
    }

    #[test]
    fn records_are_kept_up_to_a_number_and_a_size() {
        let mut model = Model::new(Instant::now());
        for seq in 1..=3 * MAX_RECORDS as u64 {
            observe(&mut model, "app.ERROR", Level::ERROR, "a", seq);
        }
        assert_eq!(model.errors.len(), MAX_RECORDS);
        assert_eq!(
            model.errors[0].msg,
            format!("a {}", 3 * MAX_RECORDS),
            "the newest is the first"
        );
        let mut large = record("app.ERROR", Level::ERROR, "a", 1);
        large.msg = "é".repeat(1 << 20).into();
        large.extras = vec![("k".into(), zlog_core::RawJson("1".into()))];
        model.observe(&mut large, true);
        assert!(model.errors[0].size() < 2 * MAX_TEXT_BYTES);
        assert!(model.errors[0].msg.ends_with("é… (2097152 bytes)"));
    }

    #[test]
    fn the_newest_records_of_what_is_watched_are_kept() {
        let mut model = Model::new(Instant::now());
        observe(&mut model, "a.INFO", Level::INFO, "s", 1);
        let watched = |group, name: &str| Some(WatchedName { group, name: name.to_owned() });
        for (group, name, expected) in [
            (Group::Topic, "a.INFO", ["s 3", "s 2"].as_slice()),
            (Group::Level, "DEBUG", &["t 2"]),
            (Group::Source, "t", &["t 2"]),
        ] {
            model.watch(watched(group, name));
            observe(&mut model, "a.INFO", Level::INFO, "s", 2);
            observe(&mut model, "b.DEBUG", Level::DEBUG, "t", 2);
            observe(&mut model, "a.INFO", Level::INFO, "s", 3);
            let kept: Vec<&str> = model.records.iter().map(|record| &*record.msg).collect();
            assert_eq!(kept, expected, "{group:?}");
        }
        model.watch(None);
        assert!(model.records.is_empty());
    }

    #[test]
    fn a_copy_does_not_change_and_a_restart_keeps_the_sequence_numbers() {
        let mut model = Model::new(Instant::now());
        observe(&mut model, "a.INFO", Level::INFO, "s", 1);
        let copy = model.copy();
        model.restart(Instant::now());
        observe(&mut model, "a.INFO", Level::INFO, "s", 3);
        assert_eq!((copy.total.records, copy.names(Group::Topic).len()), (1, 1));
        assert_eq!((model.total.records, model.total.lost), (1, 1));
    }
}
