//! Reading rows out of a database that SQLite cannot read any more: every leaf page is
//! looked at by itself, wherever it lies, and a row counts where its checksum says so.
//!
//! Pages are read one at a time and rows are handed on as they are found, so that the
//! size of the database does not matter. A page that the disk does not give is passed over.
//!
//! Formats: <https://www.sqlite.org/fileformat2.html>, sections 1.6 (b-tree pages),
//! 2.1 (records) and 4 (the write-ahead log).

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::WalError;
use super::keys::KeyRow;
use super::row::StoredEvent;

const PAGE: usize = 4096;
const LEAF: u8 = 0x0d;
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FRAME: usize = FRAME_HEADER + PAGE;
/// A record with a longer payload keeps a part of it on other pages.
const LARGEST_LOCAL: usize = PAGE - 35;
const SMALLEST_LOCAL: usize = (PAGE - 12) * 32 / 255 - 23;
/// Nobody stores a longer record.
const LARGEST_PAYLOAD: usize = 32 * 1024 * 1024;
/// No log has a larger database: 16 GiB. A frame that says so is none.
const LARGEST_DATABASE: u32 = 1 << 22;

/// A row, as it was found. A row that was moved or changed is found more than once, and
/// the last one counts.
#[derive(Debug)]
pub(super) enum Found {
    /// A row of `event`.
    Event(StoredEvent),
    /// A row of `dead`.
    Dead(DeadRow),
    /// A row of `image`.
    Image(ImageRow),
    /// A row of `data_key`.
    Key(KeyRow),
    /// What the ledger said of its places. It has no checksum, so this is a hint.
    Ledger {
        /// The database's epoch.
        epoch: i64,
        /// The place of the next event.
        next_seq: i64,
    },
}

/// What a dead letter has besides its event.
#[derive(Clone, Debug)]
pub(super) struct DeadRow {
    pub(super) event: StoredEvent,
    pub(super) status: Option<i64>,
    pub(super) code: Option<String>,
    pub(super) cause: String,
    pub(super) at_ms: i64,
}

/// An image.
#[derive(Clone, Debug)]
pub(super) struct ImageRow {
    pub(super) sha: Vec<u8>,
    pub(super) seq: i64,
    pub(super) media: String,
    pub(super) size: i64,
    pub(super) state: i64,
    pub(super) at_ms: i64,
    pub(super) enc: i64,
    pub(super) inline: Option<Vec<u8>>,
}

/// Whether there is a log beside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogFile {
    /// There is none: the database was closed.
    Absent,
    /// There is one of so many bytes.
    Present(u64),
    /// Something else lies in its place, or nothing was ever committed to it.
    Garbage,
}

/// Carves a database and its log.
///
/// # Errors
/// Fails where the database cannot be opened, and as `take` does.
pub(super) fn database(
    path: &Path,
    mut take: impl FnMut(Found) -> Result<(), WalError>,
) -> Result<(), WalError> {
    let database = File::open(path).map_err(WalError::of_file)?;
    let count = database.metadata().map_err(WalError::of_file)?.len() / PAGE as u64;
    let log = File::open(super::beside(path, "-wal")).ok();
    let pages = Pages::new(Some(database), log);
    for number in 1..=u32::try_from(count).unwrap_or(u32::MAX) {
        if let Some(page) = pages.stored(number) {
            take_page(&page, &pages, &mut take)?;
        }
    }
    take_log(&pages, &mut take)
}

/// Carves the log alone, what was committed to it, whatever SQLite makes of it, and says
/// whether it is one.
///
/// # Errors
/// Fails as `take` does.
pub(super) fn log(
    path: &Path,
    mut take: impl FnMut(Found) -> Result<(), WalError>,
) -> Result<LogFile, WalError> {
    let Ok(log) = File::open(super::beside(path, "-wal")) else { return Ok(LogFile::Absent) };
    let length = log.metadata().map_err(WalError::of_file)?.len();
    let pages = Pages::new(None, Some(log));
    take_log(&pages, &mut take)?;
    Ok(if pages.log_is_legible { LogFile::Present(length) } else { LogFile::Garbage })
}

/// Where pages are found by their number.
struct Pages {
    database: Option<File>,
    log: Option<File>,
    /// The pages in the log and where they lie, oldest first, up to the last commit.
    frames: Vec<(u32, u64)>,
    newest: HashMap<u32, u64>,
    /// Whether there is a frame, or at least a header.
    log_is_legible: bool,
    /// Bytes that both files have together.
    bytes: u64,
}

impl Pages {
    fn new(database: Option<File>, log: Option<File>) -> Self {
        let length = |file: &Option<File>| {
            file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |found| found.len())
        };
        let bytes = length(&database) + length(&log);
        let (frames, log_is_legible) = log.as_ref().map_or((Vec::new(), false), committed_frames);
        let newest = frames.iter().copied().collect();
        Self { database, log, frames, newest, log_is_legible, bytes }
    }

    fn newest(&self, number: u32) -> Option<[u8; PAGE]> {
        match self.newest.get(&number) {
            Some(&offset) => read_at(self.log.as_ref()?, offset),
            None => self.stored(number),
        }
    }

    fn stored(&self, number: u32) -> Option<[u8; PAGE]> {
        let offset = u64::from(number).checked_sub(1)? * PAGE as u64;
        read_at(self.database.as_ref()?, offset)
    }
}

/// A frame counts by its salt; the checksum chain is what a single flipped bit breaks. Only
/// the frame that commits has to match its own link of the chain: an agent that was killed
/// while it wrote that frame has committed nothing.
fn committed_frames(log: &File) -> (Vec<(u32, u64)>, bool) {
    let mut committed = Vec::new();
    let Some(header) = read_at::<WAL_HEADER>(log, 0) else { return (committed, false) };
    let header_is_sound = header_is_sound(&header);
    let mut salt =
        header_is_sound.then(|| [header[16..20].to_vec(), header[20..24].to_vec()].concat());
    let words = Words::of(&header);
    let mut link = checksum_at(&header, 24);
    let mut uncommitted = Vec::new();
    let mut at = WAL_HEADER as u64;
    while let Some(frame) = read_at::<FRAME_HEADER>(log, at) {
        let (number, size) = (big_endian(&frame[..4]), big_endian(&frame[4..8]));
        let is_plausible = (1..LARGEST_DATABASE).contains(&number) && size < LARGEST_DATABASE;
        // Where the header is damaged, the first frame says what the log's salt is.
        let salt = if is_plausible {
            salt.get_or_insert_with(|| frame[8..16].to_vec())
        } else {
            &mut Vec::new()
        };
        if *salt == frame[8..16] {
            let page = at + FRAME_HEADER as u64;
            uncommitted.push((number, page));
            // Where the header is damaged, so is the beginning of the chain.
            let begins_chain = at == WAL_HEADER as u64 && !header_is_sound;
            if size != 0 && (begins_chain || is_linked(log, words, link, &frame, page)) {
                committed.append(&mut uncommitted);
            }
        }
        link = checksum_at(&frame, 16);
        at += FRAME as u64;
    }
    let is_legible = header_is_sound || !committed.is_empty();
    (committed, is_legible)
}

/// Whether a frame bears the checksum that follows from the one before it.
fn is_linked(
    log: &File,
    words: Words,
    before: (u32, u32),
    frame: &[u8; FRAME_HEADER],
    page: u64,
) -> bool {
    let Some(page) = read_at::<PAGE>(log, page) else { return false };
    let sum = words.sum(words.sum(before, &frame[..8]), &page);
    sum == checksum_at(frame, 16)
}

fn checksum_at(bytes: &[u8], at: usize) -> (u32, u32) {
    (big_endian(&bytes[at..at + 4]), big_endian(&bytes[at + 4..at + 8]))
}

/// In which order the machine that wrote the log adds up the bytes of a word; the magic
/// number of its header tells.
#[derive(Clone, Copy)]
enum Words {
    BigEndian,
    LittleEndian,
}

impl Words {
    fn of(header: &[u8; WAL_HEADER]) -> Self {
        if header[3] & 1 == 1 { Self::BigEndian } else { Self::LittleEndian }
    }

    /// Goes on with a checksum of SQLite's log over further bytes, a multiple of eight.
    fn sum(self, before: (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let word = |bytes: &[u8]| match self {
            Self::BigEndian => big_endian(bytes),
            Self::LittleEndian => big_endian(bytes).swap_bytes(),
        };
        let (mut first, mut second) = before;
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        }
        (first, second)
    }
}

/// Whether the log's header matches its checksum, and its pages have our size.
fn header_is_sound(header: &[u8; WAL_HEADER]) -> bool {
    const MAGIC: u32 = 0x377f_0682;

    let magic = big_endian(&header[..4]);
    if magic & !1 != MAGIC || big_endian(&header[8..12]) as usize != PAGE {
        return false;
    }
    Words::of(header).sum((0, 0), &header[..24]) == checksum_at(header, 24)
}

/// Reads `N` bytes; `None` where the file ends before, or the disk does not give them.
fn read_at<const N: usize>(mut file: &File, offset: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(offset)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Takes every version of every page in the log: where the newest one is damaged, an
/// older one may still hold some of its rows.
fn take_log(
    pages: &Pages,
    take: &mut impl FnMut(Found) -> Result<(), WalError>,
) -> Result<(), WalError> {
    let Some(log) = &pages.log else { return Ok(()) };
    for &(_, offset) in &pages.frames {
        if let Some(page) = read_at::<PAGE>(log, offset) {
            take_page(&page, pages, take)?;
        }
    }
    Ok(())
}

fn take_page(
    page: &[u8; PAGE],
    pages: &Pages,
    take: &mut impl FnMut(Found) -> Result<(), WalError>,
) -> Result<(), WalError> {
    if page[0] != LEAF {
        return Ok(());
    }
    let cells = usize::from(u16::from_be_bytes([page[3], page[4]]));
    for index in 0..cells {
        let Some(pointer) = page.get(8 + 2 * index..10 + 2 * index) else { break };
        let start = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
        let row = cell(page, start, pages).and_then(|(rowid, payload)| row(rowid, &payload));
        if let Some(found) = row {
            take(found)?;
        }
    }
    Ok(())
}

/// Whether a record that is taken for an event is one as it was written.
pub(crate) fn record_is_intact(rowid: i64, payload: &[u8]) -> bool {
    match row(rowid, payload) {
        Some(Found::Event(event) | Found::Dead(DeadRow { event, .. })) => event.intact().is_some(),
        Some(Found::Image(_) | Found::Key(_) | Found::Ledger { .. }) | None => true,
    }
}

/// What a record is, by the kinds of its columns.
fn row(rowid: i64, payload: &[u8]) -> Option<Found> {
    let columns = record(payload)?;
    match columns.as_slice() {
        [
            Value::Null,
            Value::Blob(sha),
            Value::Int(seq),
            Value::Text(media),
            Value::Int(size),
            Value::Int(state),
            Value::Int(at_ms),
            Value::Int(enc),
            body,
        ] => {
            let inline = match body {
                Value::Blob(bytes) => Some(bytes.clone()),
                Value::Null | Value::Int(_) | Value::Text(_) => None,
            };
            Some(Found::Image(ImageRow {
                sha: sha.clone(),
                seq: *seq,
                media: media.clone(),
                size: *size,
                state: *state,
                at_ms: *at_ms,
                enc: *enc,
                inline,
            }))
        }
        [first @ .., status, code, Value::Text(cause), Value::Int(at_ms)] if first.len() == 7 => {
            Some(Found::Dead(DeadRow {
                event: event(rowid, first)?,
                status: status.int(),
                code: code.text(),
                cause: cause.clone(),
                at_ms: *at_ms,
            }))
        }
        [Value::Null, Value::Blob(sealed), Value::Int(lo), hi @ (Value::Int(_) | Value::Null)] => {
            KeyRow::of(rowid, sealed, *lo, hi.int()).map(Found::Key)
        }
        columns if columns.len() == 7 => event(rowid, columns).map(Found::Event),
        [Value::Null, Value::Int(epoch), Value::Int(next_seq), rest @ ..] if rest.len() == 13 => {
            Some(Found::Ledger { epoch: *epoch, next_seq: *next_seq })
        }
        _ => None,
    }
}

fn event(rowid: i64, columns: &[Value]) -> Option<StoredEvent> {
    let [
        Value::Null,
        Value::Blob(eid),
        Value::Int(cls),
        Value::Int(wall_ms),
        Value::Int(enc),
        Value::Int(crc),
        Value::Blob(body),
    ] = columns
    else {
        return None;
    };
    let event = StoredEvent {
        seq: rowid,
        eid: eid.clone(),
        cls: *cls,
        wall_ms: *wall_ms,
        enc: *enc,
        crc: *crc,
        body: body.clone(),
    };
    event.intact().map(|_| event)
}

/// A cell's rowid and payload, gathered from other pages where it is long.
fn cell(page: &[u8], start: usize, pages: &Pages) -> Option<(i64, Vec<u8>)> {
    let (length, after_length) = varint(page, start)?;
    let (rowid, content) = varint(page, after_length)?;
    let length = usize::try_from(length).ok().filter(|&length| length <= LARGEST_PAYLOAD)?;
    if length <= LARGEST_LOCAL {
        return Some((rowid, page.get(content..content + length)?.to_vec()));
    }
    // A damaged length must not lead around in circles.
    if length as u64 > pages.bytes {
        return None;
    }
    let surplus = SMALLEST_LOCAL + (length - SMALLEST_LOCAL) % (PAGE - 4);
    let local = if surplus <= LARGEST_LOCAL { surplus } else { SMALLEST_LOCAL };
    let mut payload = page.get(content..content + local)?.to_vec();
    let mut next = big_endian(page.get(content + local..content + local + 4)?);
    while payload.len() < length {
        let overflow = pages.newest(next).or_else(|| pages.stored(next))?;
        let wanted = (length - payload.len()).min(PAGE - 4);
        payload.extend_from_slice(&overflow[4..4 + wanted]);
        next = big_endian(&overflow[..4]);
    }
    Some((rowid, payload))
}

#[derive(Debug)]
enum Value {
    Null,
    Int(i64),
    Blob(Vec<u8>),
    Text(String),
}

impl Value {
    const fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Null | Self::Blob(_) | Self::Text(_) => None,
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Null | Self::Int(_) | Self::Blob(_) => None,
        }
    }
}

fn record(payload: &[u8]) -> Option<Vec<Value>> {
    let (header, mut at) = varint(payload, 0)?;
    let header = usize::try_from(header).ok().filter(|&header| header <= payload.len())?;
    let mut body = header;
    let mut columns = Vec::new();
    while at < header {
        let (serial, next) = varint(payload, at)?;
        at = next;
        let (value, length) = value(serial, payload.get(body..)?)?;
        columns.push(value);
        body += length;
    }
    Some(columns)
}

fn value(serial: i64, bytes: &[u8]) -> Option<(Value, usize)> {
    let integer = |length: usize| {
        let bytes = bytes.get(..length)?;
        let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
        let number = bytes.iter().fold(sign, |number: i64, &byte| number << 8 | i64::from(byte));
        Some((Value::Int(number), length))
    };
    match serial {
        0 => Some((Value::Null, 0)),
        1..=4 => integer(usize::try_from(serial).ok()?),
        5 => integer(6),
        6 => integer(8),
        8 => Some((Value::Int(0), 0)),
        9 => Some((Value::Int(1), 0)),
        12.. => {
            let length = usize::try_from((serial - 12) / 2).ok()?;
            let bytes = bytes.get(..length)?.to_vec();
            let value = if serial % 2 == 0 {
                Value::Blob(bytes)
            } else {
                Value::Text(String::from_utf8(bytes).ok()?)
            };
            Some((value, length))
        }
        _ => None,
    }
}

fn varint(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let mut number = 0_u64;
    for index in 0..9 {
        let byte = *bytes.get(start.checked_add(index)?)?;
        if index == 8 {
            return Some(((number << 8 | u64::from(byte)).cast_signed(), start + 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number.cast_signed(), start + index + 1));
        }
    }
    None
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |number, &byte| number << 8 | u32::from(byte))
}
