//! The admin interface over HTTP: [`Admin`]'s calls behind the admin token.

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use devpulse_protocol::{ADMIN_PREFIX, DeviceId, Username};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin_token::AdminToken;
use crate::body;
use crate::caller::require_admin;
use crate::refusal::Refusal;
use crate::routes::json as json_answer;
use crate::store::configs::ConfigChange;
use crate::store::events::EventQuery;
use crate::store::secrets::SecretRequest;
use crate::store::users::Standing;

type Answer = Result<Response, Refusal>;
type Named = Result<Path<String>, PathRejection>;

/// The admin routes over `admin`, for whoever bears `token`.
pub fn admin_router(admin: Admin, token: AdminToken) -> Router {
    let routes = Router::new()
        .route("/secrets", post(create_secret).get(secrets))
        .route("/secrets/{id}", delete(delete_secret))
        .route("/users", get(users))
        .route("/users/{name}/suspend", post(suspend))
        .route("/users/{name}/unsuspend", post(unsuspend))
        .route("/devices", get(devices))
        .route("/devices/{id}", get(device))
        .route("/devices/{id}/revoke", post(revoke))
        .route("/devices/{id}/rotate-key", post(rotate_key))
        .route(
            "/devices/{id}/config",
            get(device_config).put(set_device_config).delete(clear_device_config),
        )
        .route("/config", get(config).put(set_config))
        .route("/events", get(events))
        .route("/counts", get(counts))
        .route("/screenshots", get(screenshots))
        .route("/screenshots/{sha256}", get(screenshot));
    Router::new()
        .nest(ADMIN_PREFIX, routes)
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .fallback(async || Refusal::not_found("there is nothing at this path"))
        .layer(from_fn_with_state(token, require_admin))
        .with_state(admin)
}

async fn create_secret(State(admin): State<Admin>, headers: HeaderMap, body: Body) -> Answer {
    let request: SecretRequest = body::read_json(&headers, body).await?;
    Ok(json_answer(StatusCode::CREATED, &admin.create_secret(request).await?))
}

async fn secrets(State(admin): State<Admin>) -> Answer {
    Ok(json_answer(StatusCode::OK, &json!({"secrets": admin.secrets().await?})))
}

async fn delete_secret(State(admin): State<Admin>, id: Named) -> Answer {
    let id = name(id)?.parse().map_err(|_| Refusal::not_found("there is no such secret"))?;
    found(admin.delete_secret(id).await?, "there is no such secret")
}

async fn users(State(admin): State<Admin>) -> Answer {
    Ok(json_answer(StatusCode::OK, &json!({"users": admin.users().await?})))
}

async fn suspend(State(admin): State<Admin>, user: Named) -> Answer {
    admin.set_standing(Username::new(name(user)?), Standing::Suspended).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn unsuspend(State(admin): State<Admin>, user: Named) -> Answer {
    admin.set_standing(Username::new(name(user)?), Standing::Active).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn devices(State(admin): State<Admin>) -> Answer {
    Ok(json_answer(StatusCode::OK, &json!({"devices": admin.devices().await?})))
}

async fn device(State(admin): State<Admin>, id: Named) -> Answer {
    let device = admin.device(device_id(id)?).await?.ok_or_else(no_such_device)?;
    Ok(json_answer(StatusCode::OK, &device))
}

async fn revoke(State(admin): State<Admin>, id: Named) -> Answer {
    found(admin.revoke(device_id(id)?).await?, NO_SUCH_DEVICE)
}

async fn rotate_key(State(admin): State<Admin>, id: Named) -> Answer {
    found(admin.rotate_key(device_id(id)?).await?, NO_SUCH_DEVICE)
}

async fn device_config(State(admin): State<Admin>, id: Named) -> Answer {
    let config = admin.device_config(device_id(id)?).await?.ok_or_else(no_such_device)?;
    Ok(json_answer(StatusCode::OK, &config))
}

async fn set_device_config(
    State(admin): State<Admin>,
    id: Named,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let config: Value = body::read_json(&headers, body).await?;
    changed(admin.set_device_config(device_id(id)?, config).await?)
}

async fn clear_device_config(State(admin): State<Admin>, id: Named) -> Answer {
    changed(admin.clear_device_config(device_id(id)?).await?)
}

async fn config(State(admin): State<Admin>) -> Answer {
    Ok(json_answer(StatusCode::OK, &admin.config().await?))
}

async fn set_config(State(admin): State<Admin>, headers: HeaderMap, body: Body) -> Answer {
    let config: Value = body::read_json(&headers, body).await?;
    changed(admin.set_config(config).await?)
}

async fn events(
    State(admin): State<Admin>,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|cause| Refusal::invalid(cause.body_text()))?;
    Ok(json_answer(StatusCode::OK, &admin.event_page(query).await?))
}

async fn counts(State(admin): State<Admin>) -> Answer {
    Ok(json_answer(StatusCode::OK, &json!({"counts": admin.event_counts().await?})))
}

async fn screenshots(State(admin): State<Admin>) -> Answer {
    Ok(json_answer(StatusCode::OK, &json!({"screenshots": admin.screenshots().await?})))
}

async fn screenshot(State(admin): State<Admin>, sha256: Named) -> Answer {
    let image = admin
        .screenshot(&name(sha256)?)
        .await?
        .ok_or_else(|| Refusal::not_found("there is no such image"))?;
    Ok(([(header::CONTENT_TYPE, image.media_type)], image.bytes).into_response())
}

const NO_SUCH_DEVICE: &str = "there is no such device";

fn no_such_device() -> Refusal {
    Refusal::not_found(NO_SUCH_DEVICE)
}

fn name(path: Named) -> Result<String, Refusal> {
    path.map(|Path(name)| name).map_err(|cause| Refusal::invalid(cause.body_text()))
}

fn device_id(path: Named) -> Result<DeviceId, Refusal> {
    name(path).map(DeviceId::new)
}

fn found(found: bool, otherwise: &str) -> Answer {
    if found {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Refusal::not_found(otherwise))
    }
}

fn changed(change: ConfigChange) -> Answer {
    match change {
        ConfigChange::Stored { version } => {
            Ok(json_answer(StatusCode::OK, &json!({"version": version})))
        }
        ConfigChange::NotAnObject => Err(Refusal::invalid("a configuration is a JSON object")),
        ConfigChange::Refused(refused) => {
            let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
            Err(Refusal::invalid(reasons.join("; ")))
        }
        ConfigChange::NoSuchDevice => Err(no_such_device()),
    }
}
