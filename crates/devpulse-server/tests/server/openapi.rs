//! `docs/openapi.yaml`, held to the routes, to real answers, to the table of settings
//! and to the golden messages.

mod answers;
mod document;
mod requests;
mod schemas;

use std::collections::BTreeSet;

use devpulse_protocol::PROTOCOL_HEADER;
use devpulse_server::PublicRoute;
use reqwest::Method;
use serde_json::{Value, json};

use self::document::Document;
use self::requests::{good_call, path_of};
use crate::harness::{Call, Device, start};

#[test]
fn the_routes_of_the_file_are_those_of_the_server() {
    let served: BTreeSet<(String, String)> = PublicRoute::ALL
        .into_iter()
        .map(|route| (route.method().to_string(), route.path()))
        .collect();
    assert_eq!(Document::read().operations(), served);
}

#[tokio::test]
async fn a_documented_method_is_served_and_no_other_one() {
    let document = Document::read();
    let server = start().await;
    let operations = document.operations();
    let mut refused = Vec::new();
    for path in document.paths() {
        let concrete = path.replace("{sha256}", &"0".repeat(64));
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let url = format!("{}{concrete}", server.url());
            let answer = Call::new(method.parse().unwrap(), url).send().await;
            if operations.contains(&(method.to_owned(), path.clone())) {
                assert!(!matches!(answer.status.as_u16(), 404 | 405), "{method} {path}");
            } else {
                answer.is_problem(405, "method_not_allowed");
                refused.push(answer.json());
            }
        }
    }
    let nowhere = Call::new(Method::GET, format!("{}/api/v1", server.url())).send().await;
    nowhere.is_problem(404, "not_found");
    refused.push(nowhere.json());
    let problems = json!({"items": document.component("schemas", "Problem")});
    document.holds(&problems, &Value::Array(refused), "404 and 405");
}

#[tokio::test]
async fn a_version_and_a_token_are_needed_where_the_file_says_so() {
    let document = Document::read();
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    for route in PublicRoute::ALL {
        let unversioned = good_call(route, &device).without(PROTOCOL_HEADER).send().await;
        match document.requires_header(route, PROTOCOL_HEADER) {
            true => unversioned.is_problem(400, "unsupported_protocol"),
            false => assert!(unversioned.status.is_success(), "{route:?}"),
        }
        let anonymous = good_call(route, &device).without("authorization").send().await;
        match document.requires_token(route) {
            true => anonymous.is_problem(401, "bad_token"),
            false => assert_ne!(anonymous.json()["code"], "bad_token", "{route:?}"),
        }
    }
}

#[tokio::test]
async fn a_batch_may_be_packed_in_every_documented_encoding() {
    let document = Document::read();
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let encodings = document.header_words(PublicRoute::Batch, "content-encoding");
    assert_eq!(encodings, ["zstd", "gzip", "identity"]);
    for encoding in encodings {
        let (id, body) = requests::batch_of(&device);
        let packed = requests::packed(&body, &encoding);
        let call = device.batch_call(id, packed).header("content-encoding", &encoding);
        assert_eq!(call.send().await.receipt().accepted, 1, "{encoding}");
    }
}

#[tokio::test]
async fn an_image_may_be_of_every_documented_media_type() {
    let document = Document::read();
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let media_types = document.request_media_types(PublicRoute::Screenshot);
    assert_eq!(media_types.len(), 3);
    for media_type in media_types {
        let call = device.call(Method::PUT, &path_of(PublicRoute::Screenshot));
        let answer = call.header("content-type", &media_type).body(requests::IMAGE).send().await;
        assert!(answer.status.is_success(), "{media_type}: {answer:?}");
    }
}
