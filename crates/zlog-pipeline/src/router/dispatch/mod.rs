//! The way from a record to all the handlers it is for.
//!
//! What may be here: the handlers together, as they are opened, given records, changed
//! and closed. A record is given to one after the other; a slow one stands behind a
//! queue. What goes wrong in one is told, counted, and no concern of the others.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::monitor::Reporter;
use super::route_table::RouteTable;
use super::slot::{HandlerSlot, RecordFilter, passes};
use super::spec::{HandlerSpec, Match, Spec, real_path};
use super::status::HandlerStatus;
use crate::os::signal::ShutdownSignal;
use crate::os::terminal::{self, Stdout};
use zlog_core::error::{Error, Result};
use zlog_core::format::{Options, Output};
use zlog_core::record::Record;
use zlog_core::wire;

/// How long a handler that was taken out may take to send on what it holds.
const LEAVING: Duration = Duration::from_secs(30);

/// What handlers need of the command that runs them.
#[derive(Clone)]
pub struct HandlerContext {
    /// The command's name, for messages: `tail`.
    pub command: String,
    /// Whether somebody has asked to stop.
    pub stop: ShutdownSignal,
    /// How long records go on waiting for room from then on, all of them together.
    patience: Duration,
    /// When a record first met the request to stop.
    asked: Arc<OnceLock<Instant>>,
    /// Tells of outages, and of endpoints that were bound.
    pub report: Reporter,
    pub(super) console: Option<ConsoleSettings>,
}

/// How a command whose purpose is to print records prints them.
#[derive(Clone)]
pub struct ConsoleSettings {
    /// The output, where the handler has no format of its own.
    pub output: Output,
    /// The options of the format.
    pub options: Options,
    /// How long a slow reader may take at the end.
    pub linger: Duration,
}

impl HandlerContext {
    /// Those of `command`, which tells on standard error.
    pub fn new(command: &str, stop: &ShutdownSignal) -> HandlerContext {
        HandlerContext {
            command: command.to_owned(),
            stop: stop.clone(),
            patience: Duration::ZERO,
            asked: Arc::default(),
            report: stderr(),
            console: None,
        }
    }

    /// Prints records as `settings` say. An error of standard output then is the command's
    /// ([`Router::take_failure`]) and is not reported as an outage.
    #[must_use]
    pub fn with_console(self, settings: ConsoleSettings) -> HandlerContext {
        HandlerContext { console: Some(settings), ..self }
    }

    /// Lets records go on waiting for room for `patience`, all of them together, once
    /// somebody has asked to stop. Without it, none waits any longer then.
    #[must_use]
    pub fn patient(self, patience: Duration) -> HandlerContext {
        HandlerContext { patience, ..self }
    }

    /// Whether a record that waits for room is to give up.
    pub(super) fn give_up(&self) -> Box<dyn Fn() -> bool + Send> {
        let (stop, patience, asked) = (self.stop.clone(), self.patience, Arc::clone(&self.asked));
        Box::new(move || stop.requested() && asked.get_or_init(Instant::now).elapsed() >= patience)
    }

    /// Standard output. Unless the settings of the console say how long it may take at the end,
    /// it has as long as records that wait for room, and as long again as closing may take.
    pub(super) fn stdout(&self) -> Stdout {
        let linger = self.console.as_ref().map(|console| console.linger);
        Stdout::with_linger(linger.unwrap_or_else(|| self.patience.saturating_mul(2)))
    }
}

/// Tells on standard error.
pub fn stderr() -> Reporter {
    Arc::new(|line| terminal::eprint_line(line))
}

/// Gives records to the handlers they are for.
pub struct Router {
    context: HandlerContext,
    spec: Spec,
    slots: Vec<HandlerSlot>,
    /// `None`: every handler gets every record.
    routes: Option<RouteTable>,
    /// Whether it matters which topic a record has.
    look_at_topics: bool,
    /// Handlers that were taken out and have still to send on what they hold, and until
    /// when.
    leaving: Vec<(HandlerSlot, Instant)>,
    /// What became of those that have.
    left: Vec<HandlerStatus>,
    /// Reused: the topic of a record that has none.
    topic: String,
}

impl Router {
    /// Opens all handlers.
    ///
    /// # Errors
    /// As [`Spec::check`]'s; or a handler can't be opened: the error names it.
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
            look_at_topics: false,
            leaving: Vec::new(),
            left: Vec::new(),
            topic: String::new(),
        };
        router.set(spec);
        Ok(router)
    }

    /// Whether there are any handlers.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Goes by `spec` from now on, whose handlers are in place.
    fn set(&mut self, spec: Spec) {
        self.routes = RouteTable::new(&spec);
        let by_topic = spec.handlers.iter().any(|handler| !handler.topics.is_empty());
        self.look_at_topics =
            by_topic || self.routes.as_ref().is_some_and(RouteTable::look_at_topics);
        self.spec = spec;
    }

    /// Gives the record to every handler that it is for, to each once.
    ///
    /// A record without a level has that of its topic, and passes every level if that
    /// has none either. One without a topic is taken as one of the topic that `emit`
    /// would give it, with its logger's name for a root.
    pub fn handle(&mut self, record: &Record<'_>) {
        if self.slots.is_empty() {
            return;
        }
        let topic = match self.look_at_topics {
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
        let matched = routes.of(record.name.as_deref().unwrap_or(""), topic);
        if passes(level, matched.level) {
            for handler in &matched.handlers {
                self.slots[*handler].deliver(record, level, topic, &mut copy);
            }
        }
    }

    /// The first error of standard output since the last call, if printing is what the command
    /// is for ([`HandlerContext::with_console`]). Other handlers report their errors themselves.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.slots.iter_mut().find_map(HandlerSlot::take_failure)
    }

    /// Sends on what handlers hold for speed: for when there is nothing more at hand.
    /// Waits for no queue, whose handler sends on by itself.
    pub fn flush(&mut self) {
        self.slots.iter_mut().for_each(HandlerSlot::flush);
    }

    /// Does what is due, and says when there will be more: after the next record at
    /// least, and when that time has come, it is to be called again.
    pub fn on_timer(&mut self, now: Instant) -> Option<Instant> {
        let gone = |(slot, until): &mut (HandlerSlot, Instant)| slot.has_ended() || now >= *until;
        for (slot, until) in self.leaving.extract_if(.., gone) {
            self.left.push(slot.close(until));
        }
        self.slots.iter_mut().filter_map(|slot| slot.on_timer(now)).min()
    }

    /// Lets every handler open its target anew, as after a file was moved away.
    pub fn reopen(&mut self) {
        self.slots.iter_mut().for_each(HandlerSlot::reopen);
    }

    /// How each handler stands, in the order of the specification.
    pub fn status(&self) -> Vec<HandlerStatus> {
        self.slots.iter().map(HandlerSlot::status).collect()
    }

    /// Changes what runs to what `spec` asks for. A handler that is asked for as before
    /// goes on as it is, with its queue and its counts, also where other records go to
    /// it from now on. New ones are opened before old ones are closed, and no record
    /// is lost in between: an old one sends on what it holds, for up to 30 s.
    ///
    /// A handler that is asked for in another way is a new one. So one that publishes
    /// can't be changed and bind the same endpoint again, which the old one still has.
    ///
    /// # Errors
    /// As [`Router::open`]'s; then everything is as it was.
    pub fn reconfigure(&mut self, spec: Spec) -> Result<()> {
        spec.check()?;
        let others = spec.handlers.len() > 1;
        let mut fresh = Vec::with_capacity(spec.handlers.len());
        let mut filter = Vec::with_capacity(spec.handlers.len());
        for handler in &spec.handlers {
            filter.push(RecordFilter::new(handler)?);
            fresh.push(match self.slots.iter().any(|slot| slot.matches(handler)) {
                true => None,
                false => Some(HandlerSlot::open(handler, &self.context, others)?),
            });
        }
        // Nothing fails from here on.
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

    /// Closes a handler that is no longer asked for. One with a file that another is to
    /// write to now must be done with it before that gets its first record, which may
    /// take a moment; the others are given time.
    fn retire(&mut self, mut slot: HandlerSlot, new: &Spec) {
        let file = slot.spec.target.path().map(real_path);
        let files = new.handlers.iter().filter_map(|handler| handler.target.path());
        let handed_over = file.is_some() && files.map(real_path).any(|path| file == Some(path));
        let runs_here = slot.spec.queue.is_none();
        if handed_over || runs_here {
            self.left.push(slot.close(Instant::now() + HandlerSlot::HANDING_OVER));
        } else {
            let until = Instant::now() + LEAVING;
            slot.begin_close(until);
            self.leaving.push((slot, until));
        }
    }

    /// Closes all handlers, which send on what they hold, for no longer than `within`
    /// in all; there are none then. Returns what became of their records, those of
    /// handlers that were taken out before included.
    pub fn close(&mut self, within: Duration) -> Vec<HandlerStatus> {
        let until = Instant::now() + within;
        self.set(Spec::default());
        // All at once: none is to wait for another.
        self.slots.iter_mut().for_each(|slot| slot.begin_close(until));
        let mut closed: Vec<_> = self.slots.drain(..).map(|slot| slot.close(until)).collect();
        closed.append(&mut self.left);
        closed.extend(self.leaving.drain(..).map(|(slot, _)| slot.close(until)));
        closed
    }

    /// The topics to subscribe to for these handlers, as prefixes: the empty one is for
    /// everything. None at all: no record goes anywhere.
    pub fn subscriptions(&self) -> Vec<Vec<u8>> {
        let mut prefixes = Vec::new();
        if self.spec.routes.is_empty() {
            for handler in &self.spec.handlers {
                add(&mut prefixes, "", handler);
            }
        }
        for route in &self.spec.routes {
            let prefix = match &route.matches {
                Match::Topic(prefix) => prefix,
                // Any topic can be of any logger.
                Match::Logger(_) => "",
            };
            for name in &route.handlers {
                if let Some(handler) = self.spec.handlers.iter().find(|known| known.name == *name) {
                    add(&mut prefixes, prefix, handler);
                }
            }
        }
        // What a prefix covers stands right behind it.
        prefixes.sort_unstable();
        prefixes.dedup_by(|next, kept| next.starts_with(kept));
        prefixes
    }
}

/// Adds what begins with `prefix` and is for the handler.
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

/// Takes the first that there is out of its place.
fn find(
    slots: &mut [Option<HandlerSlot>],
    is: impl Fn(&HandlerSlot) -> bool,
) -> Option<HandlerSlot> {
    slots.iter_mut().find(|slot| slot.as_ref().is_some_and(&is))?.take()
}

#[cfg(test)]
mod tests;
