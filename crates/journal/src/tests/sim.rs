//! A file system in memory that knows what is on disk and what is in the kernel's memory alone, and that can be stopped at any call.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::fs::{FileSystem, Lock, StoredFile};

/// A call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Write,
    SetLength,
    Sync,
    Remove,
    Other,
}

/// What is left of a file system whose machine or program has ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// The program was killed: the kernel goes on.
    Killed,
    /// The power failed, and nothing that was not synced has reached the disk.
    PowerLost,
    /// The power failed, and some sectors have and some have not, by this seed.
    Torn(u64),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// What was written since the last sync, whether that succeeded or not.
    dirty: Vec<std::ops::Range<usize>>,
}

impl Inode {
    fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for range in std::mem::take(&mut self.dirty) {
            let range = range.start.min(self.cached.len())..range.end.min(self.cached.len());
            self.durable[range.clone()].copy_from_slice(&self.cached[range]);
        }
    }

    /// What the disk has after a power failure: each sector the old or the new, and any length between both.
    fn tear(&mut self, draw: &mut impl FnMut(u64) -> u64) {
        const SECTOR: usize = 512;
        let (old, new) = (self.durable.len(), self.cached.len());
        let length = if draw(2) == 0 {
            old
        } else {
            old.min(new) + usize::try_from(draw(new.abs_diff(old) as u64 + 1)).unwrap()
        };
        self.durable.resize(length, 0);
        let writes = std::mem::take(&mut self.dirty);
        let most = length.min(new);
        for sector in 0..most.div_ceil(SECTOR) {
            let sector = sector * SECTOR..((sector + 1) * SECTOR).min(most);
            let inside = writes.iter().filter(|write| write.start < sector.end && write.end > sector.start);
            // The sector reached the disk after some of the writes to it, or after none.
            let count = usize::try_from(draw(inside.clone().count() as u64 + 1)).unwrap();
            for write in inside.take(count) {
                let part = write.start.max(sector.start)..write.end.min(sector.end);
                self.durable[part.clone()].copy_from_slice(&self.cached[part]);
            }
        }
    }
}

type Refusal = Box<dyn FnMut(Call) -> Option<io::Error> + Send>;

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    calls: u64,
    stop: Option<(u64, u8)>,
    refusal: Option<Refusal>,
    syncs: u64,
    is_gated: bool,
    waiting_at_gate: u64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("names", &self.names).field("calls", &self.calls).finish()
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    gate: Condvar,
}

/// The file system. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Sim(Arc<Shared>);

/// How much of the call at which everything stops is still done: nothing, half, or all, without anybody hearing of it.
pub(super) const PARTS: u8 = 3;

impl Sim {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub(super) fn arc(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.clone())
    }

    /// Stops at this call, counted from now, with this part of it done.
    pub(super) fn stop_at(&self, call: u64, part: u8) {
        let mut state = self.state();
        state.calls = 0;
        state.stop = Some((call, part));
    }

    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Has calls fail for which an error is given.
    pub(super) fn refuse(&self, refusal: impl FnMut(Call) -> Option<io::Error> + Send + 'static) {
        self.state().refusal = Some(Box::new(refusal));
    }

    pub(super) fn refuse_nothing(&self) {
        self.state().refusal = None;
    }

    /// Holds every `sync` until the gate is opened.
    pub(super) fn gate(&self, is_gated: bool) {
        self.state().is_gated = is_gated;
        self.0.gate.notify_all();
    }

    /// Waits until so many calls of `sync` are held.
    pub(super) fn wait_for_held_syncs(&self, count: u64) {
        let mut state = self.state();
        while state.waiting_at_gate < count {
            state = self.0.gate.wait(state).unwrap();
        }
    }

    /// What a new process finds.
    pub(super) fn after(&self, ending: Ending) -> Self {
        let state = self.state();
        let mut inodes = state.inodes.clone();
        let mut names = state.names.clone();
        let mut seed = 0;
        let mut draw = |bound: u64| {
            // A linear congruential generator; its upper bits are good enough to choose sectors by.
            seed = u64::wrapping_add(
                u64::wrapping_mul(seed, 6_364_136_223_846_793_005),
                1_442_695_040_888_963_407,
            );
            (seed >> 33) % bound
        };
        match ending {
            Ending::Killed => {}
            Ending::PowerLost => {
                inodes.iter_mut().for_each(|inode| inode.cached = inode.durable.clone());
                names = state.durable_names.clone();
            }
            Ending::Torn(number) => {
                for _ in 0..=number {
                    draw(2);
                }
                for inode in &mut inodes {
                    inode.tear(&mut draw);
                    inode.cached = inode.durable.clone();
                }
                if draw(2) == 0 {
                    names = state.durable_names.clone();
                }
            }
        }
        inodes.iter_mut().for_each(|inode| {
            if !matches!(ending, Ending::Killed) {
                inode.dirty.clear();
            }
        });
        let after = State {
            durable_names: if matches!(ending, Ending::Killed) {
                state.durable_names.clone()
            } else {
                names.clone()
            },
            inodes,
            names,
            folders: state.folders.clone(),
            ..State::default()
        };
        Self(Arc::new(Shared { state: Mutex::new(after), gate: Condvar::new() }))
    }

    /// The bytes of the file with this name, and the means to change them.
    pub(super) fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let inode = state.names[path];
        let inode = &mut state.inodes[inode];
        change(&mut inode.cached);
        inode.durable = inode.cached.clone();
    }

    pub(super) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.names[path]].cached.clone()
    }

    /// Counts a call, and says how much of it is to be done: all with a result, or a part and an error.
    fn enter(&self, call: Call) -> Result<(), (u8, io::Error)> {
        let mut state = self.state();
        if let Some(error) = state.refusal.as_mut().and_then(|refusal| refusal(call)) {
            return Err((0, error));
        }
        let number = state.calls;
        state.calls += 1;
        match state.stop {
            Some((at, part)) if number == at => Err((part, io::Error::other("stopped"))),
            Some((at, _)) if number > at => Err((0, io::Error::other("stopped"))),
            _ => Ok(()),
        }
    }

    /// A call that is done or not, nothing between.
    fn whole<T>(&self, call: Call, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let entered = self.enter(call);
        if let Err((part, error)) = entered {
            if part + 1 == PARTS {
                drop(act(&mut self.state()));
            }
            return Err(error);
        }
        act(&mut self.state())
    }

    fn find(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let inode = self.state().names.get(path).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { sim: self.clone(), inode }))
    }
}

#[derive(Debug)]
struct SimFile {
    sim: Sim,
    inode: usize,
}

impl StoredFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.sim.state();
        let from =
            state.inodes[self.inode].cached.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let entered = self.sim.enter(Call::Write);
        let part = entered.as_ref().err().map_or(PARTS - 1, |(part, _)| *part);
        let count = bytes.len() * usize::from(part) / usize::from(PARTS - 1);
        let start = usize::try_from(offset).unwrap();
        let mut state = self.sim.state();
        let inode = &mut state.inodes[self.inode];
        if count > 0 {
            inode.cached.resize(inode.cached.len().max(start + count), 0);
            inode.cached[start..start + count].copy_from_slice(&bytes[..count]);
            inode.dirty.push(start..start + count);
        }
        entered.map(|()| count).map_err(|(_, error)| error)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.sim.whole(Call::SetLength, |state| {
            state.inodes[self.inode].cached.resize(usize::try_from(length).unwrap(), 0);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.sim.state();
        state.waiting_at_gate += 1;
        self.sim.0.gate.notify_all();
        while state.is_gated {
            state = self.sim.0.gate.wait(state).unwrap();
        }
        state.waiting_at_gate -= 1;
        state.syncs += 1;
        drop(state);
        let result = self.sim.whole(Call::Sync, |state| {
            state.inodes[self.inode].sync();
            Ok(())
        });
        if result.is_err() {
            // What could not be written is forgotten: no later call writes it.
            self.sim.state().inodes[self.inode].dirty.clear();
        }
        result
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.sim.state().inodes[self.inode].cached.len() as u64)
    }
}

#[derive(Debug)]
struct SimLock(Sim, PathBuf);

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.state().locks.remove(&self.1);
    }
}

impl FileSystem for Sim {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.whole(Call::Other, |state| {
            state.folders.insert(path.to_owned());
            Ok(())
        })
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let paths = state.names.keys().chain(&state.folders);
        let inside = paths.filter(|path| path.parent() == Some(folder));
        Ok(inside.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.whole(Call::Other, |state| {
            state.inodes.push(Inode::default());
            let inode = state.inodes.len() - 1;
            state.names.insert(path.to_owned(), inode);
            Ok(())
        })?;
        self.find(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.find(path)
    }

    fn open_writable(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.find(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(Call::Other, |state| {
            let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(Call::Remove, |state| {
            state.names.remove(path);
            Ok(())
        })
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.whole(Call::Other, |state| {
            state.folders.remove(path);
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.whole(Call::Sync, |state| {
            let is_inside = |name: &Path| name.parent() == Some(path);
            state.durable_names.retain(|name, _| !is_inside(name));
            let now: Vec<_> = state
                .names
                .iter()
                .filter(|(name, _)| is_inside(name))
                .map(|(name, inode)| (name.clone(), *inode))
                .collect();
            state.durable_names.extend(now);
            Ok(())
        })
    }

    fn lock(&self, path: &Path, _wait: bool) -> io::Result<Option<Box<dyn Lock>>> {
        if !self.state().folders.contains(path.parent().unwrap()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(self.state().locks.insert(path.to_owned()).then(|| {
            let lock: Box<dyn Lock> = Box::new(SimLock(self.clone(), path.to_owned()));
            lock
        }))
    }
}
