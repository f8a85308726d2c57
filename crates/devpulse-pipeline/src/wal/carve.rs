//! Reading rows out of a database that SQLite cannot read any more: every leaf page is
//! looked at by itself, wherever it lies, and a row counts where its checksum says so.
//!
//! Formats: <https://www.sqlite.org/fileformat2.html>, sections 1.6 (b-tree pages),
//! 2.1 (records) and 4 (the write-ahead log).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use super::row::StoredEvent;

const PAGE: usize = 4096;
const LEAF: u8 = 0x0d;
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// A record with a longer payload keeps a part of it on other pages.
const LARGEST_LOCAL: usize = PAGE - 35;
const SMALLEST_LOCAL: usize = (PAGE - 12) * 32 / 255 - 23;
/// Nobody stores a longer record.
const LARGEST_PAYLOAD: usize = 32 * 1024 * 1024;

/// What was found.
/// A row that was moved is taken where it was moved to.
#[derive(Debug, Default)]
pub(super) struct Carved {
    /// Rows of `event`.
    pub(super) events: HashMap<i64, StoredEvent>,
    /// Rows of `dead`.
    pub(super) dead: HashMap<i64, DeadRow>,
    /// Rows of `image`.
    pub(super) images: Vec<ImageRow>,
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
    pub(super) inline: Option<Vec<u8>>,
}

/// Carves a database and its log.
pub(super) fn database(path: &Path) -> io::Result<Carved> {
    let database = fs::read(path)?;
    let log = fs::read(super::beside(path, "-wal")).unwrap_or_default();
    let pages = Pages::new(&database, &log);
    let mut carved = Carved::default();
    for page in database.chunks_exact(PAGE) {
        carved.take_page(page, &pages);
    }
    carved.take_log(&pages);
    Ok(carved)
}

/// Carves the log alone: what was committed to it, whatever SQLite makes of it.
pub(super) fn log(path: &Path) -> io::Result<Carved> {
    let log = match fs::read(super::beside(path, "-wal")) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Carved::default()),
        Err(error) => return Err(error),
    };
    let mut carved = Carved::default();
    carved.take_log(&Pages::new(&[], &log));
    Ok(carved)
}

/// The pages in the log and where they lie, oldest first, up to the last commit. A frame
/// counts by its salt; its checksum chain is what a single flipped bit breaks.
fn committed_frames(log: &[u8]) -> Vec<(u32, usize)> {
    let mut committed = Vec::new();
    let Some(header) = log.get(..WAL_HEADER) else { return committed };
    if big_endian(&header[8..12]) as usize != PAGE {
        return committed;
    }
    let salt = &header[16..24];
    let mut uncommitted = Vec::new();
    for (index, frame) in log[WAL_HEADER..].chunks_exact(FRAME_HEADER + PAGE).enumerate() {
        if &frame[8..16] != salt {
            continue;
        }
        let offset = WAL_HEADER + index * (FRAME_HEADER + PAGE) + FRAME_HEADER;
        uncommitted.push((big_endian(&frame[..4]), offset));
        if big_endian(&frame[4..8]) != 0 {
            committed.append(&mut uncommitted);
        }
    }
    committed
}

/// Where pages are found by their number.
struct Pages<'a> {
    database: &'a [u8],
    log: &'a [u8],
    frames: Vec<(u32, usize)>,
    newest: HashMap<u32, usize>,
}

impl<'a> Pages<'a> {
    fn new(database: &'a [u8], log: &'a [u8]) -> Self {
        let frames = committed_frames(log);
        let newest = frames.iter().copied().collect();
        Self { database, log, frames, newest }
    }

    fn newest(&self, number: u32) -> Option<&[u8]> {
        match self.newest.get(&number) {
            Some(&offset) => self.log.get(offset..offset + PAGE),
            None => self.stored(number),
        }
    }

    fn stored(&self, number: u32) -> Option<&[u8]> {
        let start = (number as usize).checked_sub(1)?.checked_mul(PAGE)?;
        self.database.get(start..start + PAGE)
    }
}

impl Carved {
    /// Takes every version of every page in the log: where the newest one is damaged, an
    /// older one may still hold some of its rows.
    fn take_log(&mut self, pages: &Pages<'_>) {
        for &(_, offset) in &pages.frames {
            self.take_page(&pages.log[offset..offset + PAGE], pages);
        }
    }

    fn take_page(&mut self, page: &[u8], pages: &Pages<'_>) {
        if page.first() != Some(&LEAF) {
            return;
        }
        let cells = usize::from(u16::from_be_bytes([page[3], page[4]]));
        for index in 0..cells {
            let Some(pointer) = page.get(8 + 2 * index..10 + 2 * index) else { return };
            let start = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
            if let Some((rowid, payload)) = cell(page, start, pages) {
                self.take_row(rowid, &payload);
            }
        }
    }

    fn take_row(&mut self, rowid: i64, payload: &[u8]) {
        let Some(columns) = record(payload) else { return };
        match columns.as_slice() {
            [
                Value::Null,
                Value::Blob(sha),
                Value::Int(seq),
                Value::Text(media),
                Value::Int(size),
                Value::Int(state),
                Value::Int(at_ms),
                Value::Int(_),
                body,
            ] => {
                let inline = match body {
                    Value::Blob(bytes) => Some(bytes.clone()),
                    Value::Null | Value::Int(_) | Value::Text(_) => None,
                };
                self.images.push(ImageRow {
                    sha: sha.clone(),
                    seq: *seq,
                    media: media.clone(),
                    size: *size,
                    state: *state,
                    at_ms: *at_ms,
                    inline,
                });
            }
            [first @ .., status, code, Value::Text(cause), Value::Int(at_ms)]
                if first.len() == 7 =>
            {
                let Some(event) = event(rowid, first) else { return };
                self.events.remove(&rowid);
                self.dead.insert(
                    rowid,
                    DeadRow {
                        event,
                        status: status.int(),
                        code: code.text(),
                        cause: cause.clone(),
                        at_ms: *at_ms,
                    },
                );
            }
            columns if columns.len() == 7 => {
                if let Some(event) = event(rowid, columns) {
                    self.dead.remove(&rowid);
                    self.events.insert(rowid, event);
                }
            }
            _ => {}
        }
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
fn cell(page: &[u8], start: usize, pages: &Pages<'_>) -> Option<(i64, Vec<u8>)> {
    let (length, after_length) = varint(page, start)?;
    let (rowid, content) = varint(page, after_length)?;
    let length = usize::try_from(length).ok().filter(|&length| length <= LARGEST_PAYLOAD)?;
    if length <= LARGEST_LOCAL {
        return Some((rowid, page.get(content..content + length)?.to_vec()));
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
