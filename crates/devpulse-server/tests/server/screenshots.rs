//! Images under their SHA-256.

use devpulse_protocol::SCREENSHOTS_PATH;
use reqwest::{Method, StatusCode};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Device, start};

async fn put(device: &Device, name: &str, media_type: &str, bytes: &[u8]) -> Answer {
    device
        .call(Method::PUT, &format!("{SCREENSHOTS_PATH}/{name}"))
        .header("content-type", media_type)
        .body(bytes)
        .send()
        .await
}

fn name(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_image_is_stored_once_and_read_back_unchanged() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let image = b"RIFF....WEBP".repeat(1000);
    let sha256 = name(&image);
    let first = put(&device, &sha256, "image/webp", &image).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let second = put(&device, &sha256.to_uppercase(), "image/webp", &image).await;
    assert_eq!(second.status, StatusCode::OK);
    let images = server.admin().screenshots().await.unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].sha256, sha256);
    assert_eq!(images[0].size_bytes, 12_000);
    assert_eq!(images[0].device_id.as_str(), device.id);
    let found = server.admin().screenshot(&sha256).await.unwrap().unwrap();
    assert_eq!((found.media_type.as_str(), found.bytes), ("image/webp", image));
}

#[tokio::test]
async fn an_image_under_a_wrong_name_is_invalid() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    for wrong in [&name(b"other"), "abc", &"z".repeat(64), "%ff"] {
        put(&device, wrong, "image/png", b"image").await.is_problem(400, "invalid");
    }
    assert!(server.admin().screenshots().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_images_of_bounded_size_are_taken() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    for media_type in ["image/gif", "application/json", "image/webpx"] {
        let answer = put(&device, &name(b"x"), media_type, b"x").await;
        answer.is_problem(415, "unsupported_media_type");
    }
    for media_type in ["image/jpeg", "image/png; charset=binary"] {
        assert!(put(&device, &name(b"x"), media_type, b"x").await.status.is_success());
    }
    let largest = vec![7; 16 * 1024 * 1024];
    let taken = put(&device, &name(&largest), "image/png", &largest).await;
    assert_eq!(taken.status, StatusCode::CREATED);
    let larger = vec![7; 16 * 1024 * 1024 + 1];
    put(&device, &name(&larger), "image/png", &larger).await.is_problem(413, "too_large");
}

#[tokio::test]
async fn an_image_without_a_token_is_refused_and_not_read_for_nothing() {
    let server = start().await;
    let mut device = Device::enroll(&server, "ada").await;
    device.token = "dpt_guess".to_owned();
    let image = vec![7; 4 * 1024 * 1024];
    put(&device, &name(&image), "image/png", &image).await.is_problem(401, "bad_token");
}
