//! For each route a request that the server grants.

use std::io::Write;

use devpulse_protocol::BatchId;
use devpulse_server::PublicRoute;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Call, Device, batch, enrollment};

/// What stands for an image file.
pub(super) const IMAGE: &[u8] = b"an image";

/// A request that the server grants, but for an enrollment: its secret is unknown.
pub(super) fn good_call(route: PublicRoute, device: &Device) -> Call {
    match route {
        PublicRoute::Enroll => call(route, device).json(&enrollment("ada", "m1", "dps_guess")),
        PublicRoute::Token => call(route, device).json(&token_request(device)),
        PublicRoute::Batch => {
            let (id, body) = batch_of(device);
            device.batch_call(id, body)
        }
        PublicRoute::Screenshot => {
            call(route, device).header("content-type", "image/webp").body(IMAGE)
        }
        PublicRoute::Key => call(route, device).header("idempotency-key", "a-uuid"),
        PublicRoute::Health | PublicRoute::Config | PublicRoute::RevokeSelf => call(route, device),
    }
}

/// A request without a body.
pub(super) fn call(route: PublicRoute, device: &Device) -> Call {
    device.call(route.method(), &path_of(route))
}

/// The route's path, for [`IMAGE`] where it names an image.
pub(super) fn path_of(route: PublicRoute) -> String {
    let sha256: String = Sha256::digest(IMAGE).iter().map(|byte| format!("{byte:02x}")).collect();
    route.path().replace("{sha256}", &sha256)
}

pub(super) fn token_request(device: &Device) -> Value {
    json!({"api_key": device.key, "client_id": device.id})
}

/// A new batch of one event.
pub(super) fn batch_of(device: &Device) -> (BatchId, String) {
    let id = BatchId::new();
    (id, batch(id, &[device.event(1, "")]))
}

/// `body` in the content encoding of this name.
pub(super) fn packed(body: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "zstd" => zstd::encode_all(body.as_bytes(), 3).unwrap(),
        "gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        "identity" => body.into(),
        other => panic!("nobody packs {other} here"),
    }
}
