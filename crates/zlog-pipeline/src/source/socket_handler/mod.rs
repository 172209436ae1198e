//! Python's `SocketHandler`: clients that send a pickled record after the other over
//! TCP or a Unix socket, each after its length.
//!
//! What may be here: letting clients in, reading from them in turn, and showing bad
//! ones the door. Where their frames end is `frames`'; waiting is `listen`'s.
//!
//! | a client | what becomes of it |
//! |---|---|
//! | sends what is no record: another protocol, a pickle of something else | cut off and named |
//! | announces a record longer than one may be | cut off and named |
//! | sends a record with too many values | the record is left out and counted; it stays |
//! | stands still in the middle of a record for a minute | cut off and named |
//! | goes away in the middle of a record | the record is counted as lost, and named |
//! | hangs up with records unread and connects again | read to its end before the new connection, and named |
//! | connects when there are as many as may be | turned away and named |
//! | floods | gets its turn like the others |
//!
//! Standing still between two records is what a program does that has nothing to say.

mod door;
mod frames;
mod manners;
mod reconnect;

use std::io::{self, Read};
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use self::door::{Door, Knock};
use self::frames::{Fed, Frames, Taken};
use self::manners::Bad;
use self::reconnect::{Idle, Predecessor, Processes};
use super::Flow;
use super::listen::{Heard, Hearing, ListenOptions, Peer, Stream, Told, Turned};
use crate::os::fd_limit;
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::wire::pickle::Refused;

/// What all clients together may have under way: half-sent records. A good client
/// has some hundred bytes; beyond this, the one that has most is cut off.
const MOST_HELD: usize = 64 << 20;

/// How long Python's `SocketHandler` waits for room in its socket.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is read of a client until its first record is known: it is kept as long as the
/// client waits for an earlier connection, of which there may be hundreds.
const FIRST: usize = 4 << 10;

/// A program that sends records.
struct Client {
    stream: Stream,
    peer: Peer,
    /// Connections are numbered in the order in which they were made.
    number: u64,
    /// The processes that it sends records of.
    processes: Processes,
    /// Its first record has been looked at.
    identified: bool,
    predecessor: Option<Predecessor>,
    idle: Idle,
    /// Bytes read from it.
    read: u64,
    /// It has hung up, and what it had sent had been unread for [`TIMEOUT`].
    hung_up: bool,
    frames: Frames,
    /// Frames wait that the sink had enough before.
    waiting: bool,
    /// Whether it is among those whose turn will be.
    queued: bool,
    /// When it last sent something.
    sent: Instant,
}

/// How a client's turn ended, where it was its last.
enum End {
    /// It has closed the connection.
    Closed,
    /// The connection broke.
    Broken(io::Error),
    /// zlog ends, or makes room.
    Left,
    /// It is cut off.
    Bad(Bad),
}

/// All clients, and the doors that they come in by.
pub(super) struct Clients {
    doors: Vec<Door>,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    /// The token of the first client; those before it are other sockets'.
    first_token: usize,
    /// Bytes of memory of all frames under way.
    held: usize,
    most_held: usize,
    most_clients: usize,
    longest: usize,
    stall: Duration,
    /// The number of the next client.
    next: u64,
    /// How many wait for an earlier connection of their process.
    waiting: usize,
    /// For those who are told that descriptors have run out.
    connections: fd_limit::Connections,
}

impl Clients {
    /// Opens the doors, with tokens from 0 on.
    ///
    /// # Errors
    /// An address that can't be listened on.
    pub(super) fn bind(
        options: &ListenOptions,
        registry: &Registry,
        bound: &mut Vec<String>,
    ) -> Result<Clients> {
        let doors = door::open(options, registry, bound)?;
        Ok(Clients {
            doors,
            clients: Vec::new(),
            free: Vec::new(),
            first_token: 0,
            held: 0,
            most_held: MOST_HELD.max(options.max_record.saturating_mul(4)),
            most_clients: options.max_clients,
            longest: options.max_record,
            stall: options.stall,
            next: 0,
            waiting: 0,
            connections: fd_limit::Connections::default(),
        })
    }

    /// How many doors there are.
    pub(super) fn listeners(&self) -> usize {
        self.doors.len()
    }

    /// From where on tokens are clients'.
    pub(super) fn set_first_token(&mut self, token: usize) {
        self.first_token = token;
    }

    /// The client whose token this is.
    pub(super) fn of_token(&self, token: usize) -> Option<usize> {
        token.checked_sub(self.first_token)
    }

    /// Somebody waits at a door.
    pub(super) fn knocked(&mut self, door: usize) {
        if let Some(door) = self.doors.get_mut(door) {
            door.knocked();
        }
    }

    /// A client may have sent something, or closed the connection. Whether it is to be put
    /// into the queue.
    pub(super) fn wake(&mut self, client: usize, closed: bool, at: Instant) -> bool {
        // It may have gone since the system spoke of it.
        let Some(client) = self.clients.get_mut(client).and_then(Option::as_mut) else {
            return false;
        };
        // In the queue already, with something to read since then.
        let unread = client.queued && at.duration_since(client.sent) >= TIMEOUT;
        client.hung_up |= closed && unread;
        client.idle.end(at);
        !client.waits() && !std::mem::replace(&mut client.queued, true)
    }

    /// How long may be waited before a door or a wait must be looked at again.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let waits = if self.waiting > 0 { reconnect::CHECK } else { Duration::MAX };
        self.doors.iter().map(|door| door.patience(now)).fold(waits, Duration::min)
    }

    /// Lets those in who wait, so far as there is room. Whether some may wait still.
    pub(super) fn accept(
        &mut self,
        registry: &Registry,
        at: Instant,
        heard: &mut Heard,
        told: &mut Told,
    ) -> bool {
        let mut more = false;
        for door in 0..self.doors.len() {
            loop {
                match self.doors[door].accept(at, told) {
                    Knock::Nobody => break,
                    Knock::Later => {
                        more = true;
                        break;
                    }
                    Knock::Client(stream, peer) => {
                        if self.count() >= self.most_clients {
                            heard.turned_away += 1;
                            let most = self.most_clients;
                            told.say(|| {
                                format!("{peer} was turned away: {most} clients are connected already (--max-clients)")
                            });
                            continue;
                        }
                        self.admit(registry, stream, peer, at, told);
                        heard.clients_total += 1;
                        self.note_count(heard);
                    }
                }
            }
        }
        more
    }

    /// The end begins: no one new is to come, as far as that can be had.
    pub(super) fn shut(&mut self) {
        self.doors.iter_mut().for_each(Door::shut);
    }

    /// Whether somebody waits at a door, as the system could not let them in.
    pub(super) fn is_somebody_outside(&self) -> bool {
        self.doors.iter().any(Door::is_failing)
    }

    /// At the end: those who have sent whole records, and no more for a while, make room
    /// for those outside. Returns whether any did; doors are tried again in any case.
    pub(super) fn make_room(&mut self, heard: &mut Heard, told: &mut Told) -> bool {
        let before = self.count();
        for place in 0..self.clients.len() {
            let said_all =
                |client: &Client| !client.queued && !client.waits() && !client.frames.is_partial();
            if self.clients[place].as_ref().is_some_and(said_all) {
                self.close(place, &End::Left, heard, told);
            }
        }
        self.doors.iter_mut().for_each(Door::try_again);
        self.count() < before
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.clients.len() - self.free.len()
    }

    fn note_count(&mut self, heard: &mut Heard) {
        heard.clients = self.count() as u64;
        self.connections.set(self.count());
    }

    fn admit(
        &mut self,
        registry: &Registry,
        mut stream: Stream,
        peer: Peer,
        at: Instant,
        told: &mut Told,
    ) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() - 1
        });
        let token = Token(self.first_token + place);
        if let Err(error) = registry.register(stream.source(), token, Interest::READABLE) {
            told.say(|| format!("{peer} could not be let in: {error}"));
            self.free.push(place);
            return;
        }
        let mut processes = Processes::default();
        processes.note(peer.process());
        self.clients[place] = Some(Client {
            stream,
            peer,
            number: self.next,
            processes,
            identified: false,
            predecessor: None,
            idle: Idle::new(at),
            read: 0,
            hung_up: false,
            frames: Frames::default(),
            waiting: false,
            queued: false,
            sent: at,
        });
        self.next += 1;
        self.find_predecessor(place);
    }

    /// Reads once from a client, and delivers what is whole.
    ///
    /// # Errors
    /// Whatever the sink returns.
    pub(super) fn turn(
        &mut self,
        place: usize,
        buffer: &mut [u8],
        hearing: &mut Hearing<'_, '_>,
    ) -> Result<Turned> {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else {
            return Ok(Turned::Dry);
        };
        let before = client.frames.size();
        let identified = client.identified;
        let mut turned = client.turn(self.longest, buffer, hearing)?;
        self.held = self.held + client.frames.size() - before;
        if turned.is_ok() && client.identified != identified {
            turned = Ok(self.identify(place));
        }
        if let Some(client) = &mut self.clients[place] {
            client.queued = matches!(turned, Ok(Turned::Again | Turned::Enough));
        }
        let turned = turned.unwrap_or_else(|end| {
            self.close(place, &end, hearing.heard, hearing.told);
            Turned::Dry
        });
        if self.held > self.most_held {
            self.cut_off_largest(hearing.heard, hearing.told);
        }
        Ok(turned)
    }

    /// A client has ended, or is ended.
    fn close(&mut self, place: usize, end: &End, heard: &mut Heard, told: &mut Told) {
        let Some(client) = self.clients[place].take() else { return };
        self.held -= client.frames.size();
        self.free.push(place);
        self.note_count(heard);
        self.waiting -= usize::from(client.waits());
        let peer = &client.peer;
        let partial = client.frames.is_partial();
        let in_middle = if partial { " in the middle of a record, which is lost" } else { "" };
        match end {
            End::Bad(bad) => {
                heard.cut_off += 1;
                let longest = self.longest;
                told.say(|| format!("{peer} was cut off: {}", bad.why(longest)));
                return;
            }
            End::Closed | End::Left if !partial => {}
            End::Closed => told.say(|| format!("{peer} went away{in_middle}")),
            End::Broken(error) => {
                told.say(|| format!("the connection of {peer} broke{in_middle}: {error}"));
            }
            End::Left => told.say(|| format!("{peer} was still{in_middle}")),
        }
        heard.truncated += u64::from(partial);
        if !matches!(end, End::Left) {
            self.note_unread(&client, partial, heard, told);
        }
    }

    /// Somebody has to go, or memory would.
    fn cut_off_largest(&mut self, heard: &mut Heard, told: &mut Told) {
        let size = |client: &Option<Client>| client.as_ref().map_or(0, |c| c.frames.size());
        let largest = (0..self.clients.len()).max_by_key(|place| size(&self.clients[*place]));
        if let Some(place) = largest {
            self.close(place, &End::Bad(Bad::Greedy), heard, told);
        }
    }

    /// Cuts those off who have stood still in the middle of a record for too long,
    /// unless nobody was listening: `excused`.
    pub(super) fn look_for_stalled(
        &mut self,
        at: Instant,
        excused: bool,
        heard: &mut Heard,
        told: &mut Told,
    ) {
        for place in 0..self.clients.len() {
            let Some(client) = &mut self.clients[place] else { continue };
            // What is in the queue has not stood still, or has not been read yet.
            if excused || client.queued || client.waits() || !client.frames.is_partial() {
                client.sent = at;
            } else if at.duration_since(client.sent) >= self.stall {
                self.close(place, &End::Bad(Bad::Stalled(self.stall)), heard, told);
            }
        }
    }

    /// Nothing more is read: what is under way is lost.
    pub(super) fn end(&mut self, heard: &mut Heard, told: &mut Told) {
        for place in 0..self.clients.len() {
            self.close(place, &End::Left, heard, told);
        }
        self.doors.clear();
    }
}

impl Client {
    /// Whether an earlier connection of its process has to be read first.
    fn waits(&self) -> bool {
        self.predecessor.as_ref().is_some_and(Predecessor::is_awaited)
    }

    /// Reads once, or goes on with what waits.
    fn turn(
        &mut self,
        longest: usize,
        buffer: &mut [u8],
        hearing: &mut Hearing<'_, '_>,
    ) -> Result<Result<Turned, End>> {
        let room = if self.identified { buffer.len() } else { FIRST.min(buffer.len()) };
        let read = if self.waiting { Ok(0) } else { self.stream.read(&mut buffer[..room]) };
        let bytes = match read {
            Ok(0) if self.waiting => &[],
            Ok(0) => return Ok(Err(End::Closed)),
            Ok(length) => &buffer[..length],
            Err(error) => {
                return Ok(match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.idle.begin(Instant::now());
                        Ok(Turned::Dry)
                    }
                    io::ErrorKind::Interrupted => Ok(Turned::Again),
                    _ => Err(End::Broken(error)),
                });
            }
        };
        self.sent = hearing.at;
        self.read += bytes.len() as u64;
        let Client { frames, peer, processes, identified, .. } = self;
        let fed = frames
            .feed(bytes, longest, &mut |frame| take(frame, peer, processes, identified, hearing))?;
        self.waiting = matches!(fed, Fed::Some);
        Ok(match fed {
            Fed::All => Ok(Turned::Again),
            Fed::Some => Ok(Turned::Enough),
            Fed::Bad(bad) => Err(End::Bad(bad)),
            Fed::TooLong { header } => Err(End::Bad(Bad::TooLong(header))),
        })
    }
}

/// Takes one frame. Of the first record of a client, only the process is taken.
fn take(
    frame: &[u8],
    peer: &Peer,
    processes: &mut Processes,
    identified: &mut bool,
    hearing: &mut Hearing<'_, '_>,
) -> Result<Taken<Bad>> {
    let mut record = Record::default();
    Ok(match hearing.decode(frame, &mut record) {
        Ok(()) => {
            processes.note(record.process);
            if !std::mem::replace(identified, true) {
                return Ok(Taken::Later);
            }
            match hearing.take(record, peer)? {
                Flow::More => Taken::More,
                Flow::Enough => Taken::Enough,
            }
        }
        // Python's own doing, with a list of a million numbers as an extra. The next
        // record may be like any other.
        Err(refused @ Refused::TooLarge(_)) => {
            hearing.heard.too_large += 1;
            hearing.told.say(|| format!("a record of {peer} was left out: {refused}"));
            Taken::More
        }
        Err(refused) => Taken::Bad(Bad::NoRecord(refused)),
    })
}
