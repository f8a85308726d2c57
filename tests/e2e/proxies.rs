//! The way through real proxies, over HTTPS and gRPC alike. A server is reached through one
//! only where it is not on loopback, so these need an address of this machine's own; without
//! one, or without the proxies, they say so and pass, unless `DEVPULSE_REQUIRE_DESKTOP` is set.

pub(crate) mod process;

use std::net::{IpAddr, SocketAddr};

use devpulse_lab::{Authority, Finished, Validity};
use devpulse_server::ServerOptions;
use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};
use crate::keychain::files_that_hold;
use crate::keyring::{Lock, Session};
use process::{Login, Proxy, own_address};

const SCHEMES: [&str; 2] = ["https", "grpcs"];
const SECRET: &str = "hunter2-of-the-proxy";

/// A server beyond loopback, and its authority.
struct Far {
    server: TestServer,
    authority: Authority,
}

impl Far {
    fn start(scheme: &'static str, address: IpAddr) -> Self {
        let authority = Authority::new();
        let certified = authority.certify(&[&address.to_string()], Validity::Now);
        let options =
            ServerOptions { listen: SocketAddr::new(address, 0), ..ServerOptions::default() };
        let server = TestServer::start_certified(scheme, &authority, options, &certified);
        server.set_config(json!({"config_poll_s": 1}));
        Self { server, authority }
    }

    fn device(&self) -> Device {
        Device::new().with("DEVPULSE_CA_CERT", self.authority.path().to_str().unwrap())
    }

    fn enroll(&self, device: &Device) -> Finished {
        let (url, secret) = (self.server.url(), self.server.secret());
        let arguments =
            ["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
        device.run(&arguments)
    }

    /// How a proxy's log names it.
    fn place(&self) -> String {
        self.server.address().to_string()
    }
}

/// Everything that a day is made of, through whatever is in between.
#[track_caller]
fn enroll_and_deliver(far: &Far, device: &Device) {
    far.enroll(device).expect_exit(0);
    let agent = device.start_agent();
    let emitted = agent.emit(20);
    device.run(&["sync"]).expect_exit(0);
    let events = far.server.events();
    let ids: Vec<_> = events.iter().filter_map(|event| event["event_id"].as_str()).collect();
    for id in &emitted {
        assert_eq!(ids.iter().filter(|stored| *stored == id).count(), 1, "{id}");
    }
}

#[track_caller]
fn check(device: &Device, name: &str) -> Value {
    let report: Value = serde_json::from_str(&device.run(&["doctor", "--json"]).stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap().clone()
}

#[test]
fn everything_goes_through_the_proxy_that_is_set_and_around_it_where_it_is_excepted() {
    let Some(address) = own_address() else { return };
    for login in [Login::None, Login::Needed] {
        for scheme in SCHEMES {
            let proxies = [Proxy::tinyproxy(login), Proxy::microsocks(login)];
            for proxy in proxies {
                let Some(proxy) = proxy else { return };
                let far = Far::start(scheme, address);
                let device = far.device().with("DEVPULSE_PROXY", &proxy.url());
                enroll_and_deliver(&far, &device);
                proxy.wait_for(&far.place());
                let told = check(&device, "proxy");
                assert_eq!(told["state"], "ok", "{told}");
                let told = told["detail"].as_str().unwrap();
                assert!(told.contains(&proxy.address().to_string()), "{told}");
                assert!(told.contains("DEVPULSE_PROXY") && !told.contains(SECRET), "{told}");
                assert_eq!(check(&device, "tls")["state"], "ok");

                let around = Far::start(scheme, address);
                let device = around.device().with("DEVPULSE_PROXY", &proxy.url());
                let except = format!("other.example,{}/32", address);
                enroll_and_deliver(&around, &device.with("NO_PROXY", &except));
                assert!(!proxy.log().contains(&around.place()), "{}", proxy.log());
            }
        }
    }
}

#[test]
fn the_usual_variables_and_config_toml_name_a_proxy_too() {
    let Some(address) = own_address() else { return };
    let Some(proxy) = Proxy::tinyproxy(Login::None) else { return };
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let far = Far::start("https", address);
        let device = far.device().with(name, &proxy.url());
        far.enroll(&device).expect_exit(0);
        proxy.wait_for(&far.place());
        let told = check(&device, "proxy");
        assert!(told["detail"].as_str().unwrap().contains(name), "{told}");
    }
    let far = Far::start("grpcs", address);
    let device = far.device().with("HTTPS_PROXY", "http://proxy.invalid:3128");
    process::private_directory(&device.home());
    let config = |text: String| std::fs::write(device.home().join("config.toml"), text).unwrap();
    config(format!("proxy = \"{}\"\n", proxy.url()));
    far.enroll(&device).expect_exit(0);
    proxy.wait_for(&far.place());
    config(format!("no_proxy = \"{address}\"\n"));
    device.run(&["sync"]).expect_exit(0);
    assert!(check(&device, "proxy")["detail"].as_str().unwrap().contains("without a proxy"));
}

#[test]
fn a_server_on_this_machine_is_not_asked_of_the_proxy() {
    let Some(proxy) = Proxy::tinyproxy(Login::None) else { return };
    let server = TestServer::start_over("https");
    let device = Device::new()
        .with("DEVPULSE_CA_CERT", server.authority().unwrap().to_str().unwrap())
        .with("DEVPULSE_PROXY", &proxy.url());
    let (url, secret) = (server.url(), server.secret());
    device.run(&["enroll", "--server", &url, "--enrollment-secret", &secret]).expect_exit(0);
    assert!(!proxy.log().contains("Request"), "{}", proxy.log());
}

#[test]
fn a_proxy_that_stands_in_the_way_is_explained_and_no_secret_is_shown() {
    let Some(address) = own_address() else { return };
    let Some(http) = Proxy::tinyproxy(Login::Needed) else { return };
    let Some(socks) = Proxy::microsocks(Login::Needed) else { return };
    let Some(narrow) = Proxy::tinyproxy_for_port(1) else { return };
    let other = TestServer::start();
    let nobody = format!("http://me:{SECRET}@{}", process::free_address());
    let faults = [
        (http.bare_url(), "asks for a name and a password", "proxy login"),
        (socks.bare_url(), "asks for a name and a password", "proxy login"),
        // It refuses a wrong password with 401, which is no word of proxies.
        (http.url_with("ada", SECRET), "refused to connect to the server", "password"),
        (socks.url_with("ada", SECRET), "does not accept the name", "DEVPULSE_PROXY"),
        (narrow.bare_url(), "refused to connect to the server", "NO_PROXY"),
        (nobody, "the proxy could not be reached", "whether it runs"),
        (other.url().replace("http", "socks5h"), "does not speak its protocol", "kind"),
    ];
    for scheme in SCHEMES {
        let far = Far::start(scheme, address);
        for (proxy, cause, hint) in &faults {
            let device = far.device().with("DEVPULSE_PROXY", proxy);
            let finished = far.enroll(&device).expect_exit(4);
            let told = finished.cause_and_hint();
            assert!(told.0.contains(cause) && told.1.contains(hint), "{proxy}: {told:?}");
            let device = device.with("DEVPULSE_SERVER_URL", &far.server.url());
            let checked = check(&device, "proxy");
            assert_eq!(checked["state"], "failed", "{checked}");
            assert!(checked["detail"].as_str().unwrap().contains(cause), "{checked}");
            let doctor = device.run(&["doctor"]);
            let shown = device.run(&["config", "show"]).stdout;
            for text in [&finished.stderr, &doctor.stdout, &doctor.stderr, &shown] {
                assert!(!text.contains(SECRET), "{text}");
            }
        }
        assert_eq!(far.server.requests(), 0);
    }
}

#[test]
fn a_server_that_the_proxy_does_not_reach_is_told_from_a_proxy_that_is_not_reached() {
    let Some(address) = own_address() else { return };
    let Some(socks) = Proxy::microsocks(Login::None) else { return };
    let mut far = Far::start("https", address);
    let secret = far.server.secret();
    far.server.stop();
    let url = far.server.url();
    let device = far.device().with("DEVPULSE_PROXY", &socks.url());
    let arguments = ["enroll", "--server", &url, "--enrollment-secret", &secret];
    let told = device.run(&arguments).expect_exit(4).cause_and_hint();
    assert!(told.0.contains("the proxy could not reach the server"), "{told:?}");
}

#[test]
fn a_proxys_name_and_password_come_from_the_keychain_and_lie_nowhere_else() {
    let Some(address) = own_address() else { return };
    let Some(mut session) = Session::start() else { return };
    session.start_keychain(Lock::Open);
    for (proxy, scheme) in
        [(Proxy::tinyproxy(Login::Needed), "https"), (Proxy::microsocks(Login::Needed), "grpcs")]
    {
        let Some(proxy) = proxy else { return };
        let far = Far::start(scheme, address);
        let device = far
            .device()
            .with("DBUS_SESSION_BUS_ADDRESS", session.address())
            .with("DEVPULSE_LOG", "trace")
            .with("DEVPULSE_PROXY", &proxy.bare_url());
        far.enroll(&device).expect_exit(4);
        let login = |password: &str| {
            let file = device.directory().join("password");
            std::fs::write(&file, format!("{password}\n")).unwrap();
            let file = file.to_str().unwrap().to_owned();
            let arguments = ["proxy", "login", "--username", "me", "--password-file", &file];
            device.run(&arguments).expect_exit(0);
            std::fs::remove_file(file).unwrap();
        };
        login("something-else");
        let told = far.enroll(&device).expect_exit(4).cause_and_hint();
        assert!(told.0.contains("refused") || told.0.contains("does not accept"), "{told:?}");
        login(process::PASSWORD);
        far.enroll(&device).expect_exit(0);

        // What a running agent lacks it finds once it is there.
        device.run(&["proxy", "logout"]).expect_exit(0);
        let agent = device.start_agent();
        agent.emit(3);
        device.run(&["sync", "--timeout", "2"]).expect_exit(7);
        let pipeline = device.status()["pipeline"].clone();
        assert_eq!(pipeline["state"], "config_blocked", "{pipeline}");
        assert!(pipeline["last_error"].as_str().unwrap().contains("proxy"), "{pipeline}");
        login(process::PASSWORD);
        device.run(&["sync"]).expect_exit(0);
        wait("they have arrived", || (far.server.events().len() >= 4).then_some(()));
        agent.signal("-TERM");
        proxy.wait_for(&far.place());
        let held = files_that_hold(device.directory(), process::PASSWORD.as_bytes());
        assert_eq!(held, Vec::<String>::new());
    }
}

#[test]
fn without_a_keychain_a_proxys_password_is_not_kept_and_the_way_out_is_told() {
    let device = Device::new().with("DEVPULSE_PROXY", "http://proxy.example:3128");
    let arguments = ["proxy", "login", "--username", "me", "--password-file", "-"];
    let mut login = device.command(&arguments).stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut login.stdin.take().unwrap(), b"pw\n").unwrap();
    let finished = Finished::of(&arguments, login.wait_with_output().unwrap()).expect_exit(1);
    let told = finished.cause_and_hint();
    assert!(told.0.contains("no keychain") && told.1.contains("config.toml"), "{told:?}");
    let told = Device::new().run(&["proxy", "logout"]).expect_exit(1).cause_and_hint();
    assert!(told.0.contains("without a proxy"), "{told:?}");
}

#[test]
fn plain_http_goes_through_a_proxy_in_http_1_where_it_is_allowed_to_leave_the_machine() {
    let Some(address) = own_address() else { return };
    let Some(proxy) = Proxy::tinyproxy(Login::Needed) else { return };
    let server = TestServer::start();
    // The server is on loopback; what the proxy is asked for is another name of this machine.
    let url = format!("http://{address}:{}", server.address().port());
    let device =
        Device::new().with("DEVPULSE_ALLOW_HTTP", "1").with("DEVPULSE_PROXY", &proxy.url());
    let arguments = ["enroll", "--server", &url, "--enrollment-secret", "s"];
    device.run(&arguments).expect_exit(4);
    proxy.wait_for(&format!("GET {url}/health HTTP/1.1"));
    let refused = device.with("DEVPULSE_PROXY", &proxy.bare_url()).run(&arguments);
    let told = refused.expect_exit(4).cause_and_hint();
    assert!(told.0.contains("asks for a name and a password"), "{told:?}");
}

#[test]
fn a_server_with_an_ipv6_address_is_reached() {
    for (scheme, host) in [("https", "::1"), ("grpcs", "::1")] {
        let address: IpAddr = host.parse().unwrap();
        if std::net::TcpListener::bind((address, 0)).is_err() {
            eprintln!("skipped: there is no IPv6 here");
            return;
        }
        let far = Far::start(scheme, address);
        assert!(far.server.url().contains("://[::1]:"), "{}", far.server.url());
        let device = far.device().with("DEVPULSE_PROXY", "http://proxy.invalid:3128");
        enroll_and_deliver(&far, &device);
    }
}
