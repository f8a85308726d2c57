//! The images that arrived: whether each is what its event says, and copies to keep.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::image;
use super::server::Server;

/// What became of the images.
#[derive(Default)]
pub(super) struct Album {
    /// Images that are at the server and open.
    pub(super) images: usize,
    pub(super) faults: Vec<String>,
}

/// Opens the image of every event that bears one.
pub(super) fn open(server: &Server, events: &[Value]) -> Album {
    let mut album = Album::default();
    for event in with_image(events) {
        match check(server, event) {
            Ok(()) => album.images += 1,
            Err(error) => album.faults.push(format!("{error:#}")),
        }
    }
    album
}

/// Copies the events and the images into a folder.
pub(super) fn keep(server: &Server, events: &[Value], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    fs::write(folder.join("events.jsonl"), lines).context("the events cannot be written")?;
    for event in with_image(events) {
        let name = format!("screen-{}.{}", event["seq"], text(event, "format"));
        let image = server.image(text(event, "screenshot_hash"))?;
        fs::write(folder.join(name), image).context("an image cannot be written")?;
    }
    Ok(())
}

fn check(server: &Server, event: &Value) -> Result<()> {
    let name = format!("the image of {}", text(event, "timestamp"));
    let file = server
        .image(text(event, "screenshot_hash"))
        .with_context(|| format!("{name} is not at the server"))?;
    let image = image::read(&file).with_context(|| format!("{name} does not open"))?;
    let size = (Some(image.width), Some(image.height));
    let told = (event["width"].as_u64(), event["height"].as_u64());
    anyhow::ensure!(size == told, "{name} is {size:?}, its event says {told:?}");
    anyhow::ensure!(image.format == text(event, "format"), "{name} is {}", image.format);
    let bytes = event["size_bytes"].as_u64();
    anyhow::ensure!(bytes == Some(file.len() as u64), "{name} has {} bytes", file.len());
    Ok(())
}

fn with_image(events: &[Value]) -> impl Iterator<Item = &Value> {
    events
        .iter()
        .filter(|event| event["event_type"] == "screenshot" && event["duplicate_of"].is_null())
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_default()
}
