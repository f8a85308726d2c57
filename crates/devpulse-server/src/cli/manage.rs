//! The commands that work on the database file.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use devpulse_protocol::{DeviceId, EventType, Timestamp, Username};
use devpulse_server::{
    Admin, ConfigChange, DeviceSummary, EventQuery, SecretRequest, SecretSummary, Standing,
};

use super::Failure;
use super::serve::StopSignal;

/// How long `events --follow` waits between two looks.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

/// Commands for enrollment secrets.
#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Issue a secret and print it. It is shown this once.
    Create {
        /// What it is for, in your words.
        #[arg(long, default_value = "")]
        label: String,
        /// How many enrollments it is good for [default: any number].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        max_uses: Option<u32>,
        /// Its life in seconds [default: without end].
        #[arg(long, value_name = "S")]
        expires_in: Option<u64>,
        /// The only person who may use it [default: anyone].
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
    },
    /// List the secrets: id, uses, end, person, label.
    List,
    /// Delete a secret. Devices that enrolled with it stay enrolled.
    Delete {
        /// The secret's id, as `secret list` prints it.
        id: i64,
    },
}

/// Commands for devices.
#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// List the devices: id, state, person, host, when it was last heard of.
    List,
    /// Order a device to exchange its key. The one that it has is valid until it has used
    /// the next one.
    RotateKey {
        /// The device's id, as `device list` prints it.
        id: String,
    },
    /// End a device's right to send. It can only enroll again.
    Revoke {
        /// The device's id, as `device list` prints it.
        id: String,
    },
}

/// Commands for people.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List the people: name and whether they may enroll devices.
    List,
    /// Let a person enroll no more devices.
    Suspend {
        /// The name they enroll with.
        name: String,
    },
    /// Let a person enroll devices again.
    Unsuspend {
        /// The name they enroll with.
        name: String,
    },
}

/// Commands for the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the configuration as devices get it.
    Get {
        /// What this device gets, with its own settings.
        #[arg(long, value_name = "ID")]
        device: Option<String>,
    },
    /// Replace the configuration by a file that holds a JSON object.
    Set {
        /// The file.
        file: PathBuf,
        /// Replace only what this device gets instead of what all get.
        #[arg(long, value_name = "ID")]
        device: Option<String>,
    },
}

/// Which events to print.
#[derive(Debug, Args)]
pub(super) struct EventsArguments {
    /// Only events of this device.
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Only events of this type: activity, heartbeat, window, screenshot, custom or gap.
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    event_type: Option<EventType>,
    /// Only events that happened at this time or later, such as 2026-01-31T09:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only events that happened before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Go on with what arrives, until Ctrl-C.
    #[arg(long)]
    follow: bool,
}

pub(super) async fn secret(db: &Path, command: SecretCommand) -> Result<(), Failure> {
    match command {
        SecretCommand::Create { label, max_uses, expires_in, username } => {
            let request = SecretRequest {
                label,
                max_uses,
                expires_in_s: expires_in,
                username: username.map(Username::new),
            };
            let issued = Admin::open(db)?.create_secret(request).await?;
            print(issued.secret.expose())
        }
        SecretCommand::List => {
            let secrets = existing(db)?.secrets().await?;
            print_lines(secrets.iter().map(secret_line))
        }
        SecretCommand::Delete { id } => {
            if existing(db)?.delete_secret(id).await? {
                return Ok(());
            }
            let hint = "run `devpulse-server secret list` to see the ids";
            Err(Failure::new(format!("there is no secret {id}"), hint))
        }
    }
}

pub(super) async fn device(db: &Path, command: DeviceCommand) -> Result<(), Failure> {
    match command {
        DeviceCommand::List => {
            let devices = existing(db)?.devices().await?;
            print_lines(devices.iter().map(device_line))
        }
        DeviceCommand::RotateKey { id } => {
            if existing(db)?.rotate_key(DeviceId::new(id.as_str())).await? {
                return Ok(());
            }
            Err(no_such_device(&id))
        }
        DeviceCommand::Revoke { id } => {
            if existing(db)?.revoke(DeviceId::new(id.as_str())).await? {
                return Ok(());
            }
            Err(no_such_device(&id))
        }
    }
}

pub(super) async fn user(db: &Path, command: UserCommand) -> Result<(), Failure> {
    let admin = existing(db)?;
    let (name, standing) = match command {
        UserCommand::List => {
            let users = admin.users().await?;
            return print_lines(users.iter().map(|user| {
                let standing = match user.standing {
                    Standing::Active => "active",
                    Standing::Suspended => "suspended",
                };
                format!("{:<9}  {}", standing, printable(user.username.as_str()))
            }));
        }
        UserCommand::Suspend { name } => (name, Standing::Suspended),
        UserCommand::Unsuspend { name } => (name, Standing::Active),
    };
    admin.set_standing(Username::new(name), standing).await?;
    Ok(())
}

pub(super) async fn config(db: &Path, command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Get { device: None } => {
            print(&format!("{:#}", existing(db)?.config().await?.config))
        }
        ConfigCommand::Get { device: Some(id) } => {
            let document = existing(db)?.device_config(DeviceId::new(id.as_str())).await?;
            let document = document.ok_or_else(|| no_such_device(&id))?;
            print(&format!("{:#}", document.config))
        }
        ConfigCommand::Set { file, device } => {
            let config = read_config(&file)?;
            let admin = Admin::open(db)?;
            let change = match &device {
                None => admin.set_config(config).await?,
                Some(id) => admin.set_device_config(DeviceId::new(id.as_str()), config).await?,
            };
            report(change, &file, device.as_deref().unwrap_or_default())
        }
    }
}

pub(super) async fn events(db: &Path, arguments: EventsArguments) -> Result<(), Failure> {
    let admin = existing(db)?;
    let mut stop = StopSignal::listen()?;
    let mut query = EventQuery {
        device: arguments.device.map(DeviceId::new),
        event_type: arguments.event_type,
        from: arguments.from,
        to: arguments.to,
        cursor: None,
        limit: None,
    };
    loop {
        let page = admin.event_page(query.clone()).await?;
        query.cursor = Some(page.next_cursor);
        print_lines(page.events.iter().map(|event| one_line(event.get())))?;
        let wait = match (page.events.is_empty(), arguments.follow) {
            (true, false) => return Ok(()),
            (true, true) => FOLLOW_INTERVAL,
            (false, _) => Duration::ZERO,
        };
        tokio::select! {
            () = stop.wait() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Opens a database that must be there already, because an empty one would only hide a typo.
fn existing(db: &Path) -> Result<Admin, Failure> {
    if db.exists() {
        return Ok(Admin::open(db)?);
    }
    Err(Failure::new(
        format!("there is no database {}", db.display()),
        "name the server's file with --db",
    ))
}

fn no_such_device(id: &str) -> Failure {
    let hint = "run `devpulse-server device list` to see the ids";
    Failure::new(format!("there is no device {}", printable(id)), hint)
}

fn event_type(text: &str) -> Result<EventType, String> {
    serde_json::from_value(text.into())
        .map_err(|_| "expected activity, heartbeat, window, screenshot, custom or gap".to_owned())
}

fn read_config(file: &Path) -> Result<serde_json::Value, Failure> {
    let text = std::fs::read(file).map_err(|cause| {
        Failure::new(format!("{} cannot be read: {cause}", file.display()), "check its path")
    })?;
    serde_json::from_slice(&text).map_err(|cause| {
        Failure::new(
            format!("{} is not JSON: {cause}", file.display()),
            "`devpulse-server config get` shows what one looks like",
        )
    })
}

fn report(change: ConfigChange, file: &Path, device: &str) -> Result<(), Failure> {
    match change {
        ConfigChange::Stored { version } => print(&format!("version {version}")),
        ConfigChange::NoSuchDevice => Err(no_such_device(device)),
        ConfigChange::NotAnObject => Err(Failure::new(
            format!("{} is no JSON object", file.display()),
            "`devpulse-server config get` shows what one looks like",
        )),
        ConfigChange::Refused(refused) => {
            let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
            Err(Failure::new(
                format!("{} was not taken: {}", file.display(), reasons.join("; ")),
                "correct these values; nothing was changed",
            ))
        }
    }
}

fn secret_line(secret: &SecretSummary) -> String {
    let uses = match secret.max_uses {
        Some(max) => format!("{}/{max}", secret.uses),
        None => secret.uses.to_string(),
    };
    let end = secret.expires_at.map_or_else(|| "-".to_owned(), |end| end.to_string());
    let person = secret.username.as_ref().map_or("anyone", Username::as_str);
    let (person, label) = (printable(person), printable(&secret.label));
    format!("{:<4}  {uses:<8}  {end:<24}  {person}  {label}", secret.id).trim_end().to_owned()
}

fn device_line(device: &DeviceSummary) -> String {
    let state = if device.revoked_at.is_some() { "revoked" } else { "active" };
    let seen = device.last_seen_at.map_or_else(|| "never".to_owned(), |seen| seen.to_string());
    format!(
        "{}  {state:<7}  {seen:<24}  {}@{}",
        device.device_id,
        printable(device.username.as_str()),
        printable(&device.hostname),
    )
}

/// An event on one line: JSON text has line breaks only between its tokens.
fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// What a device said of itself, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn print(line: &str) -> Result<(), Failure> {
    print_lines(std::iter::once(line.to_owned()))
}

/// Prints lines. A reader that went away, such as `head`, is the end and no failure.
fn print_lines(lines: impl Iterator<Item = String>) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    for line in lines {
        match writeln!(stdout, "{line}") {
            Err(cause) if cause.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
            result => result?,
        }
    }
    Ok(())
}
