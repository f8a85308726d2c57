//! A disk, as far as a power cut is concerned: what has reached it, and what is on its way.
//!
//! Pessimistic where POSIX leaves a choice. A write that was not synced may be there, or
//! not, or in part, a sector at a time and in any order; a new, renamed or removed name is
//! certain only once its directory was synced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Something that a program told the disk. Paths are relative to the recorded directory.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create {
        path: PathBuf,
        inode: usize,
    },
    Write {
        inode: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        inode: usize,
        length: usize,
    },
    Sync {
        inode: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    CreateDirectory {
        path: PathBuf,
    },
    SyncDirectory {
        path: PathBuf,
    },
    /// The program was told that a step of its work is done.
    Done,
}

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Nothing.
    LosesAll,
    /// Everything: the cut came just after.
    LosesNothing,
    /// Names, and no contents.
    LosesContents,
    /// Contents, and no names.
    LosesNames,
    /// Everything but the last write, of which some sectors are there and others are noise.
    Tears(u64),
    /// Some of it: each sector and each name by chance, in any order.
    Reorders(u64),
}

/// What lies on the disk after a cut.
#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) directories: Vec<PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

#[derive(Clone, Debug)]
enum Naming {
    File { path: PathBuf, inode: usize },
    Directory { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File(usize),
    Directory,
}

/// A disk in the course of a recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, Entry>,
    namings: Vec<Naming>,
    last_written: Option<usize>,
}

impl Disk {
    /// A disk on which `files` are safe; the first of them is inode 0.
    pub(crate) fn holding(files: &[(PathBuf, Vec<u8>)]) -> Self {
        let mut disk = Self::default();
        for (inode, (path, bytes)) in files.iter().enumerate() {
            disk.files.push(File { durable: bytes.clone(), pending: Vec::new() });
            disk.names.insert(path.clone(), Entry::File(inode));
            let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            disk.names.extend(folders.map(|folder| (folder.to_owned(), Entry::Directory)));
        }
        disk
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { path, inode } => {
                self.file(*inode);
                self.namings.push(Naming::File { path: path.clone(), inode: *inode });
            }
            Op::Write { inode, offset, bytes } => {
                let change = Change::Write { offset: *offset, bytes: bytes.clone() };
                self.file(*inode).pending.push(change);
                self.last_written = Some(*inode);
            }
            Op::Truncate { inode, length } => {
                self.file(*inode).pending.push(Change::Truncate { length: *length });
            }
            Op::Sync { inode } => {
                let file = self.file(*inode);
                for change in std::mem::take(&mut file.pending) {
                    change.apply(&mut file.durable);
                }
            }
            Op::Rename { from, to } => {
                self.namings.push(Naming::Rename { from: from.clone(), to: to.clone() });
            }
            Op::Remove { path } => self.namings.push(Naming::Remove { path: path.clone() }),
            Op::CreateDirectory { path } => {
                self.namings.push(Naming::Directory { path: path.clone() });
            }
            Op::SyncDirectory { path } => self.sync_directory(path),
            Op::Done => {}
        }
    }

    /// What a cut at this moment leaves.
    pub(crate) fn cut(&self, cut: Cut) -> Image {
        let mut names = self.names.clone();
        let mut fate = Fate::of(cut);
        // A name is followed to its file before any naming is left out.
        let inodes = self.inodes_of_renames();
        for (naming, inode) in self.namings.iter().zip(inodes) {
            if fate.keeps_naming() {
                naming.apply(&mut names, inode);
            }
        }
        let mut image = Image::default();
        for (path, entry) in &names {
            if !path.ancestors().skip(1).all(|folder| is_directory(&names, folder)) {
                continue;
            }
            match entry {
                Entry::Directory => image.directories.push(path.clone()),
                Entry::File(inode) => {
                    let bytes =
                        self.files[*inode].after(&mut fate, self.last_written == Some(*inode));
                    image.files.insert(path.clone(), bytes);
                }
            }
        }
        image
    }

    /// Whether a cut would leave anything to chance.
    pub(crate) fn is_settled(&self) -> bool {
        self.namings.is_empty() && self.files.iter().all(|file| file.pending.is_empty())
    }

    fn file(&mut self, inode: usize) -> &mut File {
        if self.files.len() <= inode {
            self.files.resize_with(inode + 1, File::default);
        }
        &mut self.files[inode]
    }

    /// For each pending rename, what it moves.
    fn inodes_of_renames(&self) -> Vec<Option<Entry>> {
        let mut names = self.names.clone();
        let mut moved = Vec::new();
        for naming in &self.namings {
            let entry = match naming {
                Naming::Rename { from, .. } => names.get(from).copied(),
                Naming::File { .. } | Naming::Directory { .. } | Naming::Remove { .. } => None,
            };
            naming.apply(&mut names, entry);
            moved.push(entry);
        }
        moved
    }

    fn sync_directory(&mut self, directory: &Path) {
        let inodes = self.inodes_of_renames();
        let namings = std::mem::take(&mut self.namings);
        for (naming, inode) in namings.into_iter().zip(inodes) {
            if naming.concerns(directory) {
                naming.apply(&mut self.names, inode);
            } else {
                self.namings.push(naming);
            }
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>, moved: Option<Entry>) {
        match self {
            Self::File { path, inode } => {
                names.insert(path.clone(), Entry::File(*inode));
            }
            Self::Directory { path } => {
                names.insert(path.clone(), Entry::Directory);
            }
            Self::Rename { from, to } => {
                names.remove(from);
                if let Some(entry) = moved {
                    names.insert(to.clone(), entry);
                }
            }
            Self::Remove { path } => {
                names.remove(path);
            }
        }
    }

    fn concerns(&self, directory: &Path) -> bool {
        let within = |path: &Path| path.parent() == Some(directory);
        match self {
            Self::File { path, .. } | Self::Directory { path } | Self::Remove { path } => {
                within(path)
            }
            Self::Rename { from, to } => within(from) || within(to),
        }
    }
}

fn is_directory(names: &BTreeMap<PathBuf, Entry>, path: &Path) -> bool {
    path.as_os_str().is_empty() || names.get(path) == Some(&Entry::Directory)
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write_at(file, *offset, bytes),
            Self::Truncate { length } => file.resize(*length, 0),
        }
    }
}

impl File {
    fn after(&self, fate: &mut Fate, bears_last_write: bool) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (index, change) in self.pending.iter().enumerate() {
            let is_last = bears_last_write && index + 1 == self.pending.len();
            match change {
                Change::Write { offset, bytes: written } => {
                    for (place, sector) in sectors(*offset, written, fate.sector) {
                        match fate.of_sector(is_last) {
                            Sector::Kept => write_at(&mut bytes, place, sector),
                            Sector::Lost => {}
                            Sector::Noise => {
                                let noise = vec![fate.random.random::<u8>(); sector.len()];
                                write_at(&mut bytes, place, &noise);
                            }
                        }
                    }
                }
                Change::Truncate { .. } if fate.of_sector(is_last) == Sector::Kept => {
                    change.apply(&mut bytes);
                }
                Change::Truncate { .. } => {}
            }
        }
        bytes
    }
}

fn write_at(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

/// The pieces of a write, cut where the disk's sectors begin.
fn sectors(offset: usize, bytes: &[u8], size: usize) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = (at + size - (offset + at) % size).min(bytes.len());
        pieces.push((offset + at, &bytes[at..end]));
        at = end;
    }
    pieces
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sector {
    Kept,
    Lost,
    Noise,
}

struct Fate {
    cut: Cut,
    random: StdRng,
    sector: usize,
    /// Of a hundred.
    kept: u32,
}

impl Fate {
    fn of(cut: Cut) -> Self {
        let seed = match cut {
            Cut::Tears(seed) | Cut::Reorders(seed) => seed,
            Cut::LosesAll | Cut::LosesNothing | Cut::LosesContents | Cut::LosesNames => 0,
        };
        let mut random = StdRng::seed_from_u64(seed);
        let sector = if random.random() { 512 } else { 4096 };
        let kept = [10, 50, 90][random.random_range(0..3)];
        Self { cut, random, sector, kept }
    }

    fn keeps_naming(&mut self) -> bool {
        match self.cut {
            Cut::LosesAll | Cut::LosesNames => false,
            Cut::LosesNothing | Cut::LosesContents | Cut::Tears(_) => true,
            Cut::Reorders(_) => self.random.random_range(0..100) < self.kept,
        }
    }

    fn of_sector(&mut self, is_last: bool) -> Sector {
        match self.cut {
            Cut::LosesAll | Cut::LosesContents => Sector::Lost,
            Cut::LosesNothing | Cut::LosesNames => Sector::Kept,
            Cut::Tears(_) if is_last => {
                [Sector::Kept, Sector::Lost, Sector::Noise][self.random.random_range(0..3)]
            }
            Cut::Tears(_) => Sector::Kept,
            Cut::Reorders(_) if self.random.random_range(0..100) < self.kept => Sector::Kept,
            Cut::Reorders(_) => Sector::Lost,
        }
    }
}
