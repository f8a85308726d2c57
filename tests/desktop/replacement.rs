//! A revoked device is set up again from the window.

use std::path::Path;

use serde_json::json;

use crate::driver::Driver;
use crate::organisation::{Organisation, agent, emit, set_up};
use crate::session::{APP, Session};

/// A device that was revoked while events waited, with the wizard's form before the person.
async fn revoked(session: &Session, organisation: &Organisation) -> (Driver, Vec<String>) {
    let window = Driver::start(session, Path::new(APP), &[]).await;
    set_up(&window, organisation).await;
    organisation.revoke(session).await;
    window.see("button[name=act-enroll]").await;
    let agent = agent(session).await;
    let waiting = emit(&agent, 0..20).await.into_iter().collect();
    window.click("button[name=act-enroll]").await;
    window.click("button[name=continue]").await;
    window.see("#former").await;
    (window, waiting)
}

async fn fill(window: &Driver, selector: &str, text: &str) {
    window.tab_to(selector).await;
    window.run("document.activeElement.select()").await;
    window.press(text).await;
}

#[tokio::test]
async fn a_revoked_device_is_enrolled_again_from_the_window_and_delivers_what_waited() {
    let Some(session) = Session::start(&["WebKitWebDriver"]) else { return };
    let organisation = Organisation::start().await;
    let (window, waiting) = revoked(&session, &organisation).await;
    fill(&window, "input[name=username]", "anna").await;
    fill(&window, "input[name=secret]", &organisation.secret().await).await;
    assert_eq!(window.run("return document.querySelector('#enroll-former')").await, json!(null));
    window.click("button[name=connect]").await;
    // Who agreed to this policy before is not asked again.
    window.click("button[name=finish]").await;
    window.see("main[data-screen=status]").await;
    organisation.receives(&waiting.into_iter().collect()).await;
    window.see("button[name=pause]").await;
}

#[tokio::test]
async fn what_waits_for_one_person_is_never_sent_as_that_of_another() {
    let Some(session) = Session::start(&["WebKitWebDriver"]) else { return };
    let organisation = Organisation::start().await;
    let (window, waiting) = revoked(&session, &organisation).await;
    fill(&window, "input[name=username]", "bert").await;
    fill(&window, "input[name=secret]", &organisation.secret().await).await;
    window.see("#enroll-former input[value=sent_first]:checked").await;
    window.click("button[name=connect]").await;
    window.see("#enroll-former-error").await;
    window.click("#enroll-former .segment:last-child").await;
    window.see("#enroll-former input[value=discarded]:checked").await;
    window.click("button[name=connect]").await;
    window.click("#agree").await;
    window.click("button[name=begin]").await;
    window.click("button[name=finish]").await;
    window.see("main[data-screen=status]").await;
    let agent = agent(&session).await;
    organisation.receives(&emit(&agent, 20..21).await).await;
    let (stored, _) = organisation.events().await;
    assert!(waiting.iter().all(|event| !stored.contains(event)), "the former person's events came");
}
