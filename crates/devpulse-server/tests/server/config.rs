//! The configuration: tags, versions, settings of single devices.

use devpulse_protocol::{CONFIG_PATH, DeviceId};
use devpulse_server::ConfigChange;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Device, start};

async fn fetch(device: &Device) -> Value {
    let answer = device.call(Method::GET, CONFIG_PATH).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

#[tokio::test]
async fn a_device_that_has_the_configuration_is_not_sent_it_again() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let first = device.call(Method::GET, CONFIG_PATH).send().await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag} is no strong tag");
    for known in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let call = device.call(Method::GET, CONFIG_PATH).header("if-none-match", &known);
        let answer = call.send().await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{known}");
        assert!(answer.body.is_empty());
        assert_eq!(answer.headers["etag"], tag.as_str());
    }
    server.admin().set_config(json!({"heartbeat_interval_s": 7})).await.unwrap();
    let call = device.call(Method::GET, CONFIG_PATH).header("if-none-match", &tag);
    let changed = call.send().await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.headers["etag"], tag.as_str());
    assert_eq!(changed.json(), json!({"version": 2, "heartbeat_interval_s": 7}));
}

#[tokio::test]
async fn the_version_grows_with_each_change_and_only_then() {
    let server = start().await;
    let admin = server.admin();
    let set = async |config| admin.set_config(config).await.unwrap();
    assert_eq!(admin.config_version().await.unwrap(), 1);
    let changed = json!({"config_poll_s": 5, "not_yet_invented": {"a": [1.5]}});
    assert_eq!(set(changed.clone()).await, ConfigChange::Stored { version: 2 });
    assert_eq!(set(changed).await, ConfigChange::Stored { version: 2 });
    assert_eq!(admin.config().await.unwrap().config["not_yet_invented"], json!({"a": [1.5]}));
    assert_eq!(set(json!({"version": 40})).await, ConfigChange::Stored { version: 40 });
    assert_eq!(
        set(json!({"version": 3, "config_poll_s": 6})).await,
        ConfigChange::Stored { version: 41 }
    );
}

#[tokio::test]
async fn values_out_of_range_are_refused_and_change_nothing() {
    let server = start().await;
    let admin = server.admin();
    let bad = json!({"batch": {"max_events": 0}, "config_poll_s": 5});
    let refused = admin.set_config(bad.clone()).await.unwrap();
    assert!(matches!(refused, ConfigChange::Refused(list) if list[0].key == "batch.max_events"));
    assert_eq!(admin.set_config(json!([])).await.unwrap(), ConfigChange::NotAnObject);
    assert_eq!(admin.config_version().await.unwrap(), 1);
    let taken = admin.set_config_unchecked(bad).await.unwrap();
    assert_eq!(taken, ConfigChange::Stored { version: 2 });
}

#[tokio::test]
async fn a_device_may_have_settings_of_its_own() {
    let server = start().await;
    let ada = Device::enroll(&server, "ada").await;
    let grace = Device::enroll(&server, "grace").await;
    let id = DeviceId::new(ada.id.as_str());
    let admin = server.admin();
    admin.set_config(json!({"batch": {"max_events": 5, "max_bytes": 20_000}})).await.unwrap();
    let own = json!({"batch": {"max_events": 9}});
    admin.set_device_config(id.clone(), own).await.unwrap();
    assert_eq!(
        fetch(&ada).await,
        json!({"version": 3, "batch": {"max_events": 9, "max_bytes": 20_000}})
    );
    assert_eq!(fetch(&grace).await["version"], 2);
    assert_eq!(ada.send(&[]).await.receipt().config_version, Some(3));
    assert_eq!(grace.send(&[]).await.receipt().config_version, Some(2));

    admin.set_config(json!({})).await.unwrap();
    assert_eq!(fetch(&ada).await, json!({"version": 4, "batch": {"max_events": 9}}));
    admin.clear_device_config(id).await.unwrap();
    assert_eq!(fetch(&ada).await, json!({"version": 5}));
    let nobody = admin.set_device_config(DeviceId::new("nobody"), json!({})).await.unwrap();
    assert_eq!(nobody, ConfigChange::NoSuchDevice);
}
