//! Follows one path: the file that has the name, and those that had it before.

use std::cmp::Reverse;
use std::fs::{File, Metadata};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::open_file::OpenFile;
use super::{FileOptions, WAITING, read_error, with_name};
use crate::os::clock::now;
use crate::os::file_watch::FileWatch;
use crate::source::fingerprint::{Change, Start, identity};
use crate::source::position::SavedPosition;
use crate::source::reader::{Disconnected, ReaderEvent, ReaderHandle, Severity};

/// How often a followed file is checked for a rotation; and for growth, where the system does
/// not tell.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The most renamed files of one path that are read on. Each takes a descriptor.
const MAX_ROTATED: usize = 16;

/// Reads a path as files come and go, on a thread of its own.
pub(super) struct Follower {
    path: PathBuf,
    reader: ReaderHandle,
    /// How long a renamed file must not have grown before it is given up.
    rotate_wait: Duration,
    /// Reads what there is, and ends.
    once: bool,
    /// Where to start in the next file that is opened.
    start: Start,
    /// The notice that the file is missing was sent, or the file was found.
    awaited: bool,
    /// The notice that the file can't be read was sent.
    refused: bool,
    /// It was read to its end, or does not exist yet.
    caught_up: bool,
    /// The stream that the source knows the path by.
    first_stream: usize,
    /// The file that has the name.
    current: Option<FollowedFile>,
    /// Files that had it, the oldest first.
    rotated: Vec<FollowedFile>,
    /// Streams that no file uses.
    free_streams: Vec<usize>,
    watch: Option<FileWatch>,
}

/// A file, and the stream of its lines. Each file has its own: the last line of one may be
/// incomplete while another one grows.
struct FollowedFile {
    open: OpenFile,
    stream: usize,
    /// Its number at [`Follower::watch`].
    watched: Option<i32>,
    /// When it was last found to have grown, or was renamed.
    grown: Instant,
}

/// What to do after a look at the file that has the name.
enum Next {
    /// Look again at once.
    Look,
    Pause,
    /// End: it can't be read.
    End,
}

impl Follower {
    /// A follower of `path`. `awaited`: that the file is missing was reported.
    pub(super) fn new(
        path: PathBuf,
        reader: ReaderHandle,
        options: &FileOptions,
        start: Start,
        awaited: bool,
    ) -> Follower {
        let first_stream = reader.stream;
        Follower {
            path,
            reader,
            rotate_wait: options.rotate_wait,
            once: !options.follow,
            start,
            awaited,
            refused: false,
            caught_up: false,
            first_stream,
            current: None,
            rotated: Vec::new(),
            free_streams: vec![first_stream],
            watch: FileWatch::new(),
        }
    }

    /// Follows the path until it can't be read or, if asked for, until everything was read. Then
    /// ends all lines. Begins with the files that
    /// an earlier run has read up to the positions `saved`.
    pub(super) fn follow(mut self, saved: Vec<SavedPosition>) -> Result<(), Disconnected> {
        self.resume(saved)?;
        loop {
            self.read_rotated()?;
            let next = match self.current.take() {
                Some(current) => self.read_current(current)?,
                None => self.open()?,
            };
            match next {
                Next::Look => {}
                Next::Pause if !self.once => self.pause()?,
                Next::Pause | Next::End => break,
            }
        }
        let mut keeps = false;
        for file in std::mem::take(&mut self.rotated) {
            // The position of one that may still grow is kept, and those of later ones.
            keeps |= self.once && file.is_recent(self.rotate_wait);
            if !keeps {
                self.close(file)?;
            }
        }
        self.reader.stream = self.first_stream;
        self.reader.send(ReaderEvent::End)
    }

    /// Waits until a file has grown, or until it is time for the next check.
    fn pause(&mut self) -> Result<(), Disconnected> {
        let Some(watch) = &mut self.watch else { return self.reader.pause(CHECK_INTERVAL) };
        watch.wait(CHECK_INTERVAL);
        self.reader.pause(Duration::ZERO)
    }

    /// Opens the files that an earlier run has read in part, by the name that they have now, and
    /// those that have had their name since.
    fn resume(&mut self, saved: Vec<SavedPosition>) -> Result<(), Disconnected> {
        let mut files = Vec::new();
        for position in &saved {
            // A file that was not there then is read from its start.
            self.start = Start::Beginning;
            match position.find() {
                Some(found) => files.push((position, found)),
                None => {
                    let text = "was rotated, and the file that was read in part is gone: lines \
                                may be missing";
                    self.notice(text, Severity::Loss)?;
                }
            }
        }
        // The oldest one first.
        files.sort_by_key(|(_, found)| Reverse(found.later.len()));
        let (mut later, mut known) = (Vec::new(), Vec::new());
        for (position, found) in files {
            if let Some(change) = found.change {
                self.notice(change.text(), Severity::Loss)?;
            }
            known.extend(found.file.metadata().ok().and_then(|meta| identity(&meta)));
            let start = if found.change.is_some() { Start::Beginning } else { position.start() };
            self.resume_file(found.file, start, found.is_renamed)?;
            if later.len() < found.later.len() {
                later = found.later;
            }
        }
        self.read_later(later, &known)
    }

    /// Reads the files that have had the name since those that are `known`.
    fn read_later(
        &mut self,
        later: Vec<PathBuf>,
        known: &[(u64, u64)],
    ) -> Result<(), Disconnected> {
        for path in later {
            let is_known = |meta: &Metadata| identity(meta).is_some_and(|it| known.contains(&it));
            // One that can't be read is no log, or was removed meanwhile.
            if let Ok(file) = File::open(path)
                && !file.metadata().is_ok_and(|meta| is_known(&meta))
            {
                self.resume_file(file, Start::Beginning, true)?;
            }
        }
        Ok(())
    }

    /// Reads the files that have had the name after the last one of `rotated`, all since the
    /// last check.
    fn read_missed(&mut self) -> Result<(), Disconnected> {
        let origins = self.rotated.iter().filter_map(|file| file.open.origin(&self.path));
        let origins: Vec<_> = origins.collect();
        let last = origins.last().map(|origin| SavedPosition::of(origin, origin.offset));
        let Some(found) = last.as_ref().and_then(SavedPosition::find) else { return Ok(()) };
        let known: Vec<_> = origins.iter().map(|origin| origin.identity).collect();
        // Where numbers grow from one rotation to the next, those before it are old files.
        let since = found.file.metadata().ok().and_then(|meta| beginning(&meta));
        let is_new =
            |path: &PathBuf| path.metadata().ok().and_then(|meta| beginning(&meta)) >= since;
        self.read_later(found.later.into_iter().filter(is_new).collect(), &known)
    }

    fn resume_file(
        &mut self,
        file: File,
        start: Start,
        is_renamed: bool,
    ) -> Result<(), Disconnected> {
        match self.begin(file, start)? {
            Ok(file) if is_renamed => self.rotated.push(file),
            Ok(file) => self.current = Some(file),
            Err(error) => {
                self.reader.notice(read_error(&self.path, &error), Severity::Failure)?;
            }
        }
        Ok(())
    }

    /// Opens the file that has the name, if there is one that can be read.
    fn open(&mut self) -> Result<Next, Disconnected> {
        let opened = match File::open(&self.path) {
            Ok(file) => self.begin(file, self.start)?,
            Err(error) => Err(error),
        };
        match opened {
            Ok(file) => {
                self.current = Some(file);
                return Ok(Next::Look);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !std::mem::replace(&mut self.awaited, true) {
                    self.notice(WAITING, Severity::Info)?;
                }
                self.catch_up()?;
                // A file that is created later is read from its first byte.
                self.start = Start::Beginning;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.refused, true) {
                    self.reader.notice(read_error(&self.path, &error), Severity::Failure)?;
                }
                // A first file that can't be read is an error. After a rotation, the
                // permissions may follow a moment later.
                if !self.awaited {
                    return Ok(Next::End);
                }
            }
        }
        Ok(Next::Pause)
    }

    /// Begins to read a file, on a stream of its own.
    fn begin(
        &mut self,
        file: File,
        start: Start,
    ) -> Result<io::Result<FollowedFile>, Disconnected> {
        let open = match OpenFile::new(file, start) {
            Ok(open) => open,
            Err(error) => return Ok(Err(error)),
        };
        (self.start, self.awaited, self.refused) = (Start::Beginning, true, false);
        let stream = self.free_streams.pop().unwrap_or_else(|| self.reader.new_stream());
        self.reader.stream = stream;
        self.reader.send(ReaderEvent::Origin(open.origin(&self.path)))?;
        if self.caught_up {
            // A file that comes later is read as it is written.
            self.reader.send(ReaderEvent::CaughtUp)?;
        }
        let watched = self.watch.as_ref().and_then(|watch| watch.add(open.file()));
        Ok(Ok(FollowedFile { open, stream, watched, grown: Instant::now() }))
    }

    /// Reads the file that has the name to its present end.
    fn read_current(&mut self, mut current: FollowedFile) -> Result<Next, Disconnected> {
        if let Err(error) = current.read_on(&mut self.reader)? {
            self.reader.notice(read_error(&self.path, &error), Severity::Failure)?;
            self.close(current)?;
            return Ok(Next::End);
        }
        self.catch_up()?;
        if self.is_replaced(&current) {
            self.notice("was replaced: reading the new file from its start", Severity::Info)?;
            current.grown = Instant::now();
            self.rotated.push(current);
            self.read_missed()?;
            while self.rotated.len() > MAX_ROTATED {
                let oldest = self.rotated.remove(0);
                self.close(oldest)?;
                let text = format!(
                    "is replaced too often: of more than {MAX_ROTATED} renamed files, the oldest is \
                     not read on; lines that are still added to it are lost. A shorter \
                     --rotate-wait gives them up sooner"
                );
                self.notice(&text, Severity::Loss)?;
            }
            return Ok(Next::Look);
        }
        let change = current.open.change();
        if let Some(change) = change {
            self.handle_change(change, &mut current)?;
        }
        let next = match change {
            Some(_) => Next::Look,
            None if current.open.is_compressed() => {
                self.reader.stream = current.stream;
                self.reader.send(ReaderEvent::Break)?;
                Next::End
            }
            None => Next::Pause,
        };
        self.current = Some(current);
        Ok(next)
    }

    /// Reads on in the files that were renamed: their writers may not know it yet. Gives up
    /// those that have not grown for long enough, and none before an older one: after a
    /// restart, all files that are later than the oldest known one are read.
    fn read_rotated(&mut self) -> Result<(), Disconnected> {
        for mut file in std::mem::take(&mut self.rotated) {
            let read = file.read_on(&mut self.reader)?;
            if let Err(error) = &read {
                self.reader.notice(read_error(&self.path, error), Severity::Failure)?;
            }
            let is_oldest = self.rotated.is_empty();
            if read.is_err() || (is_oldest && file.grown.elapsed() >= self.rotate_wait) {
                self.close(file)?;
            } else {
                self.rotated.push(file);
            }
        }
        Ok(())
    }

    /// Ends the last line of a file.
    fn close(&mut self, file: FollowedFile) -> Result<(), Disconnected> {
        if let (Some(watch), Some(watched)) = (&self.watch, file.watched) {
            watch.remove(watched);
        }
        self.free_streams.push(file.stream);
        self.reader.stream = file.stream;
        self.reader.send(ReaderEvent::Break)?;
        self.reader.send(ReaderEvent::Origin(None))
    }

    /// Sends a notice of a change, and rewinds to read a new text.
    fn handle_change(
        &mut self,
        change: Change,
        current: &mut FollowedFile,
    ) -> Result<(), Disconnected> {
        self.notice(change.text(), Severity::Loss)?;
        if change != Change::Modified {
            self.reader.stream = current.stream;
            self.reader.send(ReaderEvent::Break)?;
            current.open.rewind();
            self.reader.send(ReaderEvent::Origin(current.open.origin(&self.path)))?;
        }
        Ok(())
    }

    /// Whether the path names another file now. If it names none, the new file of a
    /// rotation may come a moment later.
    fn is_replaced(&self, current: &FollowedFile) -> bool {
        let named = self.path.metadata();
        let (Ok(named), Ok(open)) = (named, current.open.file().metadata()) else { return false };
        identity(&named) != identity(&open)
    }

    /// Reports once that what there was to read was read.
    fn catch_up(&mut self) -> Result<(), Disconnected> {
        if std::mem::replace(&mut self.caught_up, true) {
            return Ok(());
        }
        self.reader.stream = self.first_stream;
        self.reader.send(ReaderEvent::CaughtUp)
    }

    fn notice(&self, what: &str, severity: Severity) -> Result<(), Disconnected> {
        self.reader.notice(with_name(&self.path, what), severity)
    }
}

/// When a file was created, or last changed where that is not known.
fn beginning(meta: &Metadata) -> Option<SystemTime> {
    meta.created().or_else(|_| meta.modified()).ok()
}

impl FollowedFile {
    /// Whether it was written to within this time.
    fn is_recent(&self, within: Duration) -> bool {
        let modified = self.open.file().metadata().and_then(|meta| meta.modified());
        let since = modified.ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        since.is_some_and(|since| since.as_secs_f64() + within.as_secs_f64() > now())
    }

    /// Reads to the present end of the file.
    fn read_on(&mut self, reader: &mut ReaderHandle) -> Result<io::Result<()>, Disconnected> {
        reader.stream = self.stream;
        loop {
            match reader.read_once(&mut self.open) {
                Ok(Ok(true)) => self.grown = Instant::now(),
                Ok(Ok(false)) => return Ok(Ok(())),
                Ok(Err(gone)) => return Err(gone),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}
