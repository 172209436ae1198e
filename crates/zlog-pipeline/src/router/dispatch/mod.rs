//! Delivers records to the handlers they are for, one handler after the other; a slow one has a
//! queue. The trouble of one handler is reported and counted, and does not affect the others.

use std::time::{Duration, Instant};

use super::context::HandlerContext;
use super::options::HandlerSpec;
use super::route_table::RouteTable;
use super::slot::{HandlerSlot, RecordFilter, passes};
use super::spec::{Match, Spec};
use super::status::HandlerStatus;
use super::validate::real_path;
use zlog_core::wire;
use zlog_core::{Error, Record, Result};

/// How long a removed handler may take to send what it holds.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Delivers records to handlers.
pub struct Router {
    context: HandlerContext,
    spec: Spec,
    slots: Vec<HandlerSlot>,
    /// `None`: without routes, every handler gets every record.
    routes: Option<RouteTable>,
    /// Whether the topics of records matter.
    needs_topics: bool,
    /// See [`Router::subscriptions`].
    subscriptions: Vec<Vec<u8>>,
    /// Removed handlers that are still sending what they hold, and their deadlines.
    closing: Vec<(HandlerSlot, Instant)>,
    /// The final status of removed handlers.
    closed: Vec<HandlerStatus>,
    /// Reused: the topic of a record without one.
    topic: String,
    decoder: wire::Decoder,
}

impl Router {
    /// Opens all handlers.
    ///
    /// # Errors
    /// See [`Spec::check`]; or a handler can't be opened: the error names it.
    pub fn open(spec: Spec, context: HandlerContext) -> Result<Router> {
        spec.check()?;
        let others = spec.handlers.len() > 1;
        let open = |handler: &HandlerSpec| HandlerSlot::open(handler, &context, others);
        let slots = spec.handlers.iter().map(open).collect::<Result<Vec<_>>>()?;
        let mut router = Router {
            context,
            spec: Spec::default(),
            slots,
            routes: None,
            needs_topics: false,
            subscriptions: Vec::new(),
            closing: Vec::new(),
            closed: Vec::new(),
            topic: String::new(),
            decoder: wire::Decoder::default(),
        };
        router.set(spec);
        Ok(router)
    }

    /// Whether there are any handlers.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Switches to `spec`, whose handlers are in place.
    fn set(&mut self, spec: Spec) {
        self.routes = RouteTable::new(&spec);
        let by_topic = spec.handlers.iter().any(|handler| !handler.topics.is_empty());
        self.needs_topics = by_topic || self.routes.as_ref().is_some_and(RouteTable::needs_topics);
        self.subscriptions = subscriptions(&spec);
        self.spec = spec;
    }

    /// Delivers a message to its handlers. Decodes it only if one of them takes its topic.
    /// `received` is when it was received, in seconds since 1970-01-01 UTC.
    pub fn handle_message(&mut self, frames: &[&[u8]], received: f64) {
        let topic = if frames.len() > 1 { frames[0] } else { &[] };
        if self.subscriptions.iter().any(|prefix| topic.starts_with(prefix)) {
            let mut record = Record::default();
            self.decoder.decode_into(frames, received, &mut record);
            self.handle(&record);
        }
    }

    /// Delivers the record to each of its handlers once.
    ///
    /// A record without a level has the level of its topic, and passes every level if the topic
    /// has none. A record without a topic has the topic that `emit` would give it, with the
    /// logger's name as the root.
    pub fn handle(&mut self, record: &Record<'_>) {
        if self.slots.is_empty() {
            return;
        }
        let topic = match self.needs_topics {
            true => wire::topic::of(record, &mut self.topic),
            false => &record.topic,
        };
        let level = wire::topic::level_of(record);
        let mut copy = None;
        let Some(routes) = &mut self.routes else {
            for slot in &mut self.slots {
                slot.deliver(record, level, topic, &mut copy);
            }
            return;
        };
        let matched = routes.look_up(record.name.as_deref().unwrap_or(""), topic);
        if passes(level, matched.level) {
            for handler in &matched.handlers {
                self.slots[*handler].deliver(record, level, topic, &mut copy);
            }
        }
    }

    /// The first error since the last call of a console that is required
    /// ([`ConsoleTarget::required`](super::ConsoleTarget::required)). Other handlers report
    /// their errors themselves.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.slots.iter_mut().find_map(HandlerSlot::take_failure)
    }

    /// Sends what handlers have buffered: for when the source pauses. Does not wait for queues,
    /// whose handlers do so by themselves.
    pub fn flush(&mut self) {
        self.slots.iter_mut().for_each(HandlerSlot::flush);
    }

    /// Runs timed work and returns the next deadline. Call it again then, and after every
    /// record.
    pub fn on_timer(&mut self, now: Instant) -> Option<Instant> {
        let gone = |(slot, until): &mut (HandlerSlot, Instant)| slot.has_ended() || now >= *until;
        for (slot, until) in self.closing.extract_if(.., gone) {
            self.closed.push(slot.close(until));
        }
        self.slots.iter_mut().filter_map(|slot| slot.on_timer(now)).min()
    }

    /// Makes every handler open its target again, for example after a file was moved away.
    pub fn reopen(&mut self) {
        self.slots.iter_mut().for_each(HandlerSlot::reopen);
    }

    /// The status of each handler, in the order of the specification.
    pub fn status(&self) -> Vec<HandlerStatus> {
        self.slots.iter().map(HandlerSlot::status).collect()
    }

    /// The status of removed handlers that still send what they hold.
    pub fn closing(&self) -> impl Iterator<Item = HandlerStatus> {
        self.closing.iter().map(|(slot, _)| slot.status())
    }

    /// Changes the handlers and routes to `spec`. An unchanged handler keeps running, with its
    /// queue and counters, even if it gets other records from now on. New handlers are opened
    /// before old ones are closed, and no record is lost in between: an old handler sends what it
    /// holds, for up to 30 s.
    ///
    /// A changed handler is a new one. So a changed `publish` handler can't bind the same
    /// endpoint again: the old one still has it. It can keep its spool: there, the old one is closed
    /// first.
    ///
    /// # Errors
    /// See [`Router::open`]; then everything stays as it was.
    pub fn reconfigure(&mut self, spec: Spec) -> Result<()> {
        spec.check()?;
        let others = spec.handlers.len() > 1;
        let mut fresh = Vec::with_capacity(spec.handlers.len());
        let mut filter = Vec::with_capacity(spec.handlers.len());
        for handler in &spec.handlers {
            filter.push(RecordFilter::new(handler)?);
            let opens = self.is_new(handler) && handler.target.as_dyn().directory().is_none();
            let open = || HandlerSlot::open(handler, &self.context, others);
            fresh.push(opens.then(open).transpose()?);
        }
        self.take_over_directories(&spec, &mut fresh)?;
        // Nothing can fail from here on.
        let mut old: Vec<Option<HandlerSlot>> = self.slots.drain(..).map(Some).collect();
        for ((handler, filter), fresh) in spec.handlers.iter().zip(filter).zip(fresh) {
            let slot = fresh.or_else(|| {
                let mut kept = find(&mut old, |slot| slot.matches(handler))?;
                kept.set_filter(handler, filter);
                Some(kept)
            });
            self.slots.extend(slot);
        }
        for slot in old.into_iter().flatten() {
            self.retire(slot, &spec);
        }
        self.set(spec);
        Ok(())
    }

    /// Whether no running handler is this one.
    fn is_new(&self, handler: &HandlerSpec) -> bool {
        !self.slots.iter().any(|slot| slot.matches(handler))
    }

    /// Opens the new handlers that need a directory for themselves. A handler that has it and does
    /// not stay is closed first: what it has not sent is in the directory, for the new one.
    ///
    /// # Errors
    /// One can't be opened. Then the old ones run again.
    fn take_over_directories(
        &mut self,
        spec: &Spec,
        fresh: &mut [Option<HandlerSlot>],
    ) -> Result<()> {
        let others = spec.handlers.len() > 1;
        let mut taken = Vec::new();
        let mut failed = None;
        for (handler, fresh) in spec.handlers.iter().zip(fresh.iter_mut()) {
            let directory = handler.target.as_dyn().directory().map(real_path);
            if directory.is_none() || !self.is_new(handler) {
                continue;
            }
            let has_it = |slot: &HandlerSlot| {
                slot.spec.target.as_dyn().directory().map(real_path) == directory
                    && !spec.handlers.iter().any(|handler| slot.matches(handler))
            };
            if let Some(at) = self.slots.iter().position(has_it) {
                let old = self.slots[at].spec.clone();
                let closed = HandlerSlot::unavailable(&old, &self.context);
                let slot = std::mem::replace(&mut self.slots[at], closed);
                self.closed.push(slot.hand_over());
                taken.push(at);
            }
            match HandlerSlot::open(handler, &self.context, others) {
                Ok(slot) => *fresh = Some(slot),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let Some(failed) = failed else { return Ok(()) };
        for slot in fresh.iter_mut().filter_map(Option::take) {
            self.closed.push(slot.hand_over());
        }
        for at in taken {
            let old = self.slots[at].spec.clone();
            match HandlerSlot::open(&old, &self.context, others) {
                Ok(slot) => self.slots[at] = slot,
                Err(error) => (self.context.report)(&format!("{error}")),
            }
        }
        Err(failed)
    }

    /// Closes a removed handler. If a new one takes over its file, it must finish before that
    /// one gets its first record; otherwise it closes in the background.
    fn retire(&mut self, mut slot: HandlerSlot, new: &Spec) {
        let file = slot.spec.target.as_dyn().path().map(real_path);
        let files = new.handlers.iter().filter_map(|handler| handler.target.as_dyn().path());
        let handed_over = file.is_some() && files.map(real_path).any(|path| file == Some(path));
        let inline = slot.spec.queue.is_none();
        if handed_over || inline {
            self.closed.push(slot.close(Instant::now() + HandlerSlot::HAND_OVER));
        } else {
            let until = Instant::now() + RETIRE_TIMEOUT;
            slot.begin_close(until);
            self.closing.push((slot, until));
        }
    }

    /// Closes all handlers, which send what they hold, within `within` in all. Returns the final
    /// status of each, including handlers that were removed before.
    pub fn close(&mut self, within: Duration) -> Vec<HandlerStatus> {
        let until = Instant::now() + within;
        self.set(Spec::default());
        // All at once, so that none waits for another.
        self.slots.iter_mut().for_each(|slot| slot.begin_close(until));
        let mut closed: Vec<_> = self.slots.drain(..).map(|slot| slot.close(until)).collect();
        closed.append(&mut self.closed);
        closed.extend(self.closing.drain(..).map(|(slot, _)| slot.close(until)));
        closed
    }

    /// The topic prefixes to subscribe to for these handlers. The empty prefix matches
    /// everything; without prefixes, no record goes anywhere.
    pub fn subscriptions(&self) -> &[Vec<u8>] {
        &self.subscriptions
    }
}

/// The topic prefixes that the handlers of `spec` need: none twice, and none that another one
/// covers.
fn subscriptions(spec: &Spec) -> Vec<Vec<u8>> {
    let mut prefixes = Vec::new();
    if spec.routes.is_empty() {
        for handler in &spec.handlers {
            add(&mut prefixes, "", handler);
        }
    }
    for route in &spec.routes {
        let prefix = match &route.matches {
            Match::Topic(prefix) => prefix,
            // A logger's records may have any topic.
            Match::Logger(_) => "",
        };
        for name in &route.handlers {
            if let Some(handler) = spec.handlers.iter().find(|known| known.name == *name) {
                add(&mut prefixes, prefix, handler);
            }
        }
    }
    // A prefix sorts right before everything that it covers.
    prefixes.sort_unstable();
    prefixes.dedup_by(|next, kept| next.starts_with(kept));
    prefixes
}

/// Adds the topics that start with `prefix` and that the handler takes.
fn add(prefixes: &mut Vec<Vec<u8>>, prefix: &str, handler: &HandlerSpec) {
    if handler.topics.is_empty() {
        prefixes.push(prefix.as_bytes().to_vec());
    }
    for topic in &handler.topics {
        if topic.starts_with(prefix) {
            prefixes.push(topic.as_bytes().to_vec());
        } else if prefix.starts_with(topic.as_str()) {
            prefixes.push(prefix.as_bytes().to_vec());
        }
    }
}

/// Removes the first slot that matches.
fn find(
    slots: &mut [Option<HandlerSlot>],
    is: impl Fn(&HandlerSlot) -> bool,
) -> Option<HandlerSlot> {
    slots.iter_mut().find(|slot| slot.as_ref().is_some_and(&is))?.take()
}

#[cfg(test)]
mod tests;
