//! A directory in memory that fails on demand, and knows what a crash could leave of it.
//!
//! What is written, cut, made, renamed and removed is seen at once, as the system's cache shows it,
//! and is on disk only after a sync: a file's content after a sync of the file, names after a sync
//! of the directory. A process that is killed leaves what is seen; a power failure leaves what is on
//! disk and any part of the rest.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    sync::{Arc, Mutex},
};

use crate::data_dir::{DataDir, DirFile};

/// The files of a directory, by name.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

/// What a faulty disk does to the steps in its range.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// Which steps, counted from 0.
    pub(super) steps: Range<usize>,
    /// What happens to them.
    pub(super) kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// Nothing can be made or written.
    NoRoom,
    /// The same, and the first write takes half of what it was given.
    HalfARoom,
    /// Syncs fail. What was to be written is dropped and never tried again, and is still seen.
    SyncDrops,
    /// Syncs fail, although everything is on disk.
    SyncDoubts,
    /// Nothing works.
    Everything,
}

impl FaultKind {
    fn error(self) -> io::Error {
        match self {
            FaultKind::NoRoom | FaultKind::HalfARoom => io::Error::from(io::ErrorKind::StorageFull),
            _ => io::Error::other("the disk has a fault"),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

/// A step of a program, and what the disk does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Write,
    SetLen,
    Rename,
    Remove,
    Sync,
}

enum Outcome {
    Works,
    Half,
    Fails,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Change::SetLen(size) => content.resize(*size, 0),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Inode {
    seen: Vec<u8>,
    on_disk: Vec<u8>,
    pending: Vec<Change>,
}

/// What of a file's pending changes a power failure leaves.
#[derive(Clone, Copy, Debug)]
enum Part {
    None,
    All,
    /// All but the end of the last write.
    Torn,
    /// All, and zeros in place of the last write.
    Zeros,
    /// All, and zeros in place of the beginning of the last write.
    Hole,
}

const PARTS: [Part; 5] = [Part::None, Part::All, Part::Torn, Part::Zeros, Part::Hole];

impl Inode {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn after_crash(&self, part: Part) -> Vec<u8> {
        let mut content = self.on_disk.clone();
        let Some((last, before)) = self.pending.split_last() else { return content };
        if matches!(part, Part::None) {
            return content;
        }
        before.iter().for_each(|change| change.apply(&mut content));
        match (part, last) {
            (Part::Torn, Change::Write { at, bytes }) => {
                let bytes = bytes[..bytes.len() / 2].to_vec();
                Change::Write { at: *at, bytes }.apply(&mut content);
            }
            (Part::Zeros, Change::Write { at, bytes }) => {
                Change::Write { at: *at, bytes: vec![0; bytes.len()] }.apply(&mut content);
            }
            (Part::Hole, Change::Write { at, bytes }) => {
                let half = bytes.len() / 2;
                let bytes = [&vec![0; half], &bytes[half..]].concat();
                Change::Write { at: *at, bytes }.apply(&mut content);
            }
            _ => last.apply(&mut content),
        }
        content
    }
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Link(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            NameChange::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            NameChange::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    names_on_disk: BTreeMap<String, usize>,
    pending: Vec<NameChange>,
    steps: usize,
    faults_met: usize,
    fault: Option<Fault>,
    mark: usize,
    /// The state after each step, where these are kept.
    history: Option<Vec<State>>,
}

impl State {
    fn begin(&mut self, step: Step) -> Outcome {
        let number = self.steps;
        self.steps += 1;
        let Some(fault) = self.fault.as_ref().filter(|fault| fault.steps.contains(&number)) else {
            return Outcome::Works;
        };
        let outcome = match (fault.kind, step) {
            (FaultKind::NoRoom, Step::Create | Step::Write) => Outcome::Fails,
            (FaultKind::HalfARoom, Step::Write) if number == fault.steps.start => Outcome::Half,
            (FaultKind::HalfARoom, Step::Create | Step::Write) => Outcome::Fails,
            (FaultKind::SyncDrops | FaultKind::SyncDoubts, Step::Sync) => Outcome::Fails,
            (FaultKind::Everything, _) => Outcome::Fails,
            _ => Outcome::Works,
        };
        self.faults_met += usize::from(!matches!(outcome, Outcome::Works));
        outcome
    }

    /// The error of a step that fails.
    fn refusal(&self) -> io::Error {
        self.fault.as_ref().expect("a step fails by a fault").kind.error()
    }

    fn end(&mut self) {
        if let Some(mut history) = self.history.take() {
            history.push(self.clone());
            self.history = Some(history);
        }
    }

    fn drops(&self) -> bool {
        let kind = self.fault.as_ref().map(|fault| fault.kind);
        !matches!(kind, Some(FaultKind::SyncDoubts))
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn image(names: &BTreeMap<String, usize>, content: impl Fn(usize) -> Vec<u8>) -> Image {
        names.iter().map(|(name, inode)| (name.clone(), content(*inode))).collect()
    }

    fn after_power_failure(&self) -> BTreeMap<Image, bool> {
        let mut images = BTreeMap::new();
        let mut names = self.names_on_disk.clone();
        for changes in 0..=self.pending.len() {
            if let Some(last) = changes.checked_sub(1) {
                self.pending[last].apply(&mut names);
            }
            for part in PARTS {
                let content = |inode: usize| self.inodes[inode].after_crash(part);
                *images.entry(State::image(&names, content)).or_default() |=
                    !matches!(part, Part::Hole);
            }
        }
        images
    }
}

/// The directory. Its clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeDir(Arc<Mutex<State>>);

impl FakeDir {
    /// A directory with these files, all on disk.
    pub(super) fn of(image: &Image) -> FakeDir {
        let dir = FakeDir::default();
        dir.with(|state| {
            for (name, content) in image {
                state.names.insert(name.clone(), state.inodes.len());
                state.inodes.push(Inode {
                    seen: content.clone(),
                    on_disk: content.clone(),
                    pending: Vec::new(),
                });
            }
            state.names_on_disk = state.names.clone();
        });
        dir
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().expect("no test panics while it writes"))
    }

    /// Lets this happen from now on, steps counted anew.
    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        self.with(|state| (state.steps, state.fault) = (0, fault));
    }

    /// How many steps were hit by a fault.
    pub(super) fn faults_met(&self) -> usize {
        self.with(|state| state.faults_met)
    }

    /// How many steps were taken since the last [`FakeDir::set_fault`].
    pub(super) fn steps(&self) -> usize {
        self.with(|state| state.steps)
    }

    /// Notes how far the program is, for the history.
    pub(super) fn set_mark(&self, mark: usize) {
        self.with(|state| state.mark = mark);
    }

    /// How far the program was.
    pub(super) fn mark(&self) -> usize {
        self.with(|state| state.mark)
    }

    /// Keeps the state after each step from now on.
    pub(super) fn keep_history(&self) {
        self.with(|state| state.history = Some(Vec::new()));
    }

    /// The states after each step since the last call, each a directory by itself that works.
    pub(super) fn take_history(&self) -> Vec<FakeDir> {
        let history = self.with(|state| state.history.replace(Vec::new()).unwrap_or_default());
        let alone = |state| State { fault: None, history: None, ..state };
        history.into_iter().map(|state| FakeDir(Arc::new(Mutex::new(alone(state))))).collect()
    }

    /// A copy as it is now, which works.
    pub(super) fn copy(&self) -> FakeDir {
        let state = self.with(|state| State { fault: None, history: None, ..state.clone() });
        FakeDir(Arc::new(Mutex::new(state)))
    }

    /// What is seen now.
    pub(super) fn seen(&self) -> Image {
        self.with(|state| State::image(&state.names, |inode| state.inodes[inode].seen.clone()))
    }

    /// What a power failure could leave now, and of each whether no later part of a write is there
    /// without an earlier one.
    pub(super) fn after_power_failure(&self) -> BTreeMap<Image, bool> {
        self.with(|state| state.after_power_failure())
    }

    fn step<T>(
        &self,
        step: Step,
        works: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.with(|state| {
            let result = match state.begin(step) {
                Outcome::Fails => Err(state.refusal()),
                _ => works(state),
            };
            state.end();
            result
        })
    }
}

impl DataDir for FakeDir {
    type File = FakeFile;

    fn open(&self, name: &str) -> io::Result<Option<FakeFile>> {
        let inode = self.with(|state| state.names.get(name).copied());
        Ok(inode.map(|inode| FakeFile { dir: self.clone(), inode, place: 0 }))
    }

    fn create(&self, name: &str, _: u32) -> io::Result<FakeFile> {
        let inode = self.step(Step::Create, |state| {
            if state.names.contains_key(name) {
                state.change_names(NameChange::Remove(name.to_owned()));
            }
            let inode = state.inodes.len();
            state.inodes.push(Inode::default());
            state.change_names(NameChange::Link(name.to_owned(), inode));
            Ok(inode)
        })?;
        Ok(FakeFile { dir: self.clone(), inode, place: 0 })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(Step::Rename, |state| {
            if !state.names.contains_key(from) {
                return Err(io::Error::from(io::ErrorKind::NotFound));
            }
            state.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if !self.with(|state| state.names.contains_key(name)) {
            return Ok(());
        }
        self.step(Step::Remove, |state| {
            state.change_names(NameChange::Remove(name.to_owned()));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let synced = self.step(Step::Sync, |state| {
            state.names_on_disk = state.names.clone();
            state.pending.clear();
            Ok(())
        });
        if synced.is_err() && !self.with(|state| state.drops()) {
            self.with(|state| state.names_on_disk = state.names.clone());
        }
        synced
    }
}

/// A file in the directory.
#[derive(Debug)]
pub(super) struct FakeFile {
    dir: FakeDir,
    inode: usize,
    place: usize,
}

impl Read for FakeFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.dir.with(|state| {
            let content = state.inodes[self.inode].seen.get(self.place..).unwrap_or_default();
            let size = content.len().min(out.len());
            out[..size].copy_from_slice(&content[..size]);
            size
        });
        self.place += size;
        Ok(size)
    }
}

impl Write for FakeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.dir.with(|state| {
            let taken = match state.begin(Step::Write) {
                Outcome::Works => bytes.len(),
                Outcome::Half => bytes.len().div_ceil(2),
                Outcome::Fails => {
                    let refusal = state.refusal();
                    state.end();
                    return Err(refusal);
                }
            };
            let change = Change::Write { at: self.place, bytes: bytes[..taken].to_vec() };
            state.inodes[self.inode].change(change);
            state.end();
            Ok(taken)
        })?;
        self.place += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for FakeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(place) = to else {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        };
        self.place = usize::try_from(place).expect("a small file");
        Ok(place)
    }
}

impl DirFile for FakeFile {
    fn sync(&mut self) -> io::Result<()> {
        let inode = self.inode;
        self.dir.with(|state| {
            let works = matches!(state.begin(Step::Sync), Outcome::Works);
            let drops = !works && state.drops();
            let file = &mut state.inodes[inode];
            for change in std::mem::take(&mut file.pending) {
                if !drops {
                    change.apply(&mut file.on_disk);
                }
            }
            let result = if works { Ok(()) } else { Err(state.refusal()) };
            state.end();
            result
        })
    }

    fn set_len(&mut self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).expect("a small file");
        let inode = self.inode;
        self.dir.step(Step::SetLen, |state| {
            state.inodes[inode].change(Change::SetLen(size));
            Ok(())
        })
    }
}
