//! What the thread that is recorded told the disk, in order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_int;
use std::path::{Path, PathBuf};

use crate::disk::Op;

thread_local! {
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
}

/// The operations below one directory.
#[derive(Debug)]
pub(crate) struct Recording {
    root: PathBuf,
    ops: Vec<Op>,
    inodes: HashMap<PathBuf, usize>,
    next_inode: usize,
    open: HashMap<c_int, Opened>,
    /// How many calls of SQLite are under way: it is recorded by the VFS.
    within_sqlite: usize,
}

#[derive(Debug)]
enum Opened {
    File { inode: usize, at: usize },
    Directory(PathBuf),
}

/// Records what this thread does below `root` from now on. What lies there already has
/// the inodes 0 and up, in the order of `present`.
pub(crate) fn start(root: &Path, present: &[PathBuf]) {
    let inodes = present.iter().cloned().enumerate().map(|(inode, path)| (path, inode)).collect();
    let recording = Recording {
        root: root.to_owned(),
        ops: Vec::new(),
        inodes,
        next_inode: present.len(),
        open: HashMap::new(),
        within_sqlite: 0,
    };
    RECORDING.with(|slot| slot.replace(Some(recording)));
}

/// Ends the recording.
pub(crate) fn stop() -> Vec<Op> {
    RECORDING.with(|slot| slot.replace(None)).map(|recording| recording.ops).unwrap_or_default()
}

/// Notes that the program was told that a step is done.
pub(crate) fn done() {
    with(|recording| recording.ops.push(Op::Done));
}

/// Runs `work` with this thread's recording, if there is one that is not busy.
pub(crate) fn with<R>(work: impl FnOnce(&mut Recording) -> R) -> Option<R> {
    RECORDING.try_with(|slot| slot.try_borrow_mut().ok()?.as_mut().map(work)).ok().flatten()
}

/// Runs `work`, of which the system calls are SQLite's.
pub(crate) fn within_sqlite<R>(work: impl FnOnce() -> R) -> R {
    with(|recording| recording.within_sqlite += 1);
    let result = work();
    with(|recording| recording.within_sqlite -= 1);
    result
}

impl Recording {
    /// The path below the recorded directory.
    pub(crate) fn relative(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    /// A file was opened; gives its inode.
    pub(crate) fn opened(&mut self, path: PathBuf, existed: bool) -> usize {
        if let Some(&inode) = self.inodes.get(&path).filter(|_| existed) {
            return inode;
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(path.clone(), inode);
        self.ops.push(Op::Create { path, inode });
        inode
    }

    pub(crate) fn wrote(&mut self, inode: usize, offset: usize, bytes: &[u8]) {
        self.ops.push(Op::Write { inode, offset, bytes: bytes.to_vec() });
    }

    pub(crate) fn truncated(&mut self, inode: usize, length: usize) {
        self.ops.push(Op::Truncate { inode, length });
    }

    pub(crate) fn synced(&mut self, inode: usize) {
        self.ops.push(Op::Sync { inode });
    }

    pub(crate) fn removed(&mut self, path: PathBuf) {
        self.inodes.remove(&path);
        self.ops.push(Op::Remove { path });
    }

    pub(crate) fn renamed(&mut self, from: PathBuf, to: PathBuf) {
        if let Some(inode) = self.inodes.remove(&from) {
            self.inodes.insert(to.clone(), inode);
        }
        self.ops.push(Op::Rename { from, to });
    }

    pub(crate) fn created_directory(&mut self, path: PathBuf) {
        self.ops.push(Op::CreateDirectory { path });
    }

    pub(crate) const fn is_within_sqlite(&self) -> bool {
        self.within_sqlite > 0
    }

    /// A descriptor now stands for a file.
    pub(crate) fn descriptor_of_file(&mut self, descriptor: c_int, inode: usize) {
        self.open.insert(descriptor, Opened::File { inode, at: 0 });
    }

    /// A descriptor now stands for a directory.
    pub(crate) fn descriptor_of_directory(&mut self, descriptor: c_int, path: PathBuf) {
        self.open.insert(descriptor, Opened::Directory(path));
    }

    /// A descriptor stands for something that is not recorded.
    pub(crate) fn forget_descriptor(&mut self, descriptor: c_int) {
        self.open.remove(&descriptor);
    }

    pub(crate) fn wrote_to_descriptor(&mut self, descriptor: c_int, bytes: &[u8]) {
        if let Some(Opened::File { inode, at }) = self.open.get_mut(&descriptor) {
            let (inode, offset) = (*inode, *at);
            *at += bytes.len();
            self.wrote(inode, offset, bytes);
        }
    }

    pub(crate) fn resized_descriptor(&mut self, descriptor: c_int, length: usize) {
        if let Some(&Opened::File { inode, .. }) = self.open.get(&descriptor) {
            self.truncated(inode, length);
        }
    }

    pub(crate) fn synced_descriptor(&mut self, descriptor: c_int) {
        match self.open.get(&descriptor) {
            Some(&Opened::File { inode, .. }) => self.synced(inode),
            Some(Opened::Directory(path)) => {
                let path = path.clone();
                self.ops.push(Op::SyncDirectory { path });
            }
            None => {}
        }
    }
}
