//! The system's packages that the tests and the tray app need: a virtual desktop, a tracer that
//! makes calls of the system fail, a clock that can be set, proxies, a web view.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A program, and the package of Debian and Ubuntu that brings it.
struct Need {
    program: &'static str,
    package: &'static str,
}

const DESKTOP: [Need; 13] = [
    Need { program: "Xvfb", package: "xvfb" },
    Need { program: "openbox", package: "openbox" },
    Need { program: "xdotool", package: "xdotool" },
    Need { program: "xterm", package: "xterm" },
    Need { program: "xprop", package: "x11-utils" },
    Need { program: "xrandr", package: "x11-xserver-utils" },
    Need { program: "dbus-daemon", package: "dbus" },
    Need { program: "gnome-keyring-daemon", package: "gnome-keyring" },
    Need { program: "strace", package: "strace" },
    Need { program: "faketime", package: "faketime" },
    Need { program: "openssl", package: "openssl" },
    Need { program: "tinyproxy", package: "tinyproxy-bin" },
    Need { program: "microsocks", package: "microsocks" },
];

/// Compositors for Wayland that run without a screen, and what they draw with.
const COMPOSITORS: [Need; 4] = [
    Need { program: "sway", package: "sway" },
    Need { program: "kwin_wayland", package: "kwin-wayland" },
    Need { program: "gnome-shell", package: "gnome-shell" },
    Need { program: "gsettings", package: "libglib2.0-bin" },
];

/// What the tray app is built with, and looked at. A library is known by its description.
const TRAY_APP: [Need; 9] = [
    Need { program: "webkit2gtk-4.1.pc", package: "libwebkit2gtk-4.1-dev" },
    Need { program: "librsvg-2.0.pc", package: "librsvg2-dev" },
    Need { program: "WebKitWebDriver", package: "webkit2gtk-driver" },
    Need { program: "chromium", package: "chromium" },
    Need { program: "xfce4-panel", package: "xfce4-panel" },
    Need { program: "dbus-run-session", package: "dbus" },
    Need { program: "dex", package: "dex" },
    Need { program: "/usr/libexec/at-spi-bus-launcher", package: "at-spi2-core" },
    Need { program: "import", package: "imagemagick" },
];

/// What packages are made and looked at with.
const PACKAGING: [Need; 6] = [
    Need { program: "dpkg-deb", package: "dpkg" },
    Need { program: "dpkg-shlibdeps", package: "dpkg-dev" },
    Need { program: "rpmbuild", package: "rpm" },
    Need { program: "lintian", package: "lintian" },
    Need { program: "desktop-file-validate", package: "desktop-file-utils" },
    Need { program: "appstreamcli", package: "appstream" },
];

/// What packages are tried with, in a root of their own.
const TRIAL: [Need; 4] = [
    Need { program: "debootstrap", package: "debootstrap" },
    Need { program: "unshare", package: "util-linux" },
    Need { program: "ip", package: "iproute2" },
    Need { program: "dpkg-deb", package: "dpkg" },
];

/// What other systems are built for with, and what stands in for Windows.
#[cfg(target_os = "linux")]
const PLATFORMS: [Need; 8] = [
    Need { program: "/usr/bin/cargo", package: "cargo-web" },
    Need { program: "/usr/bin/rustc", package: "rustc-web" },
    Need { program: "/usr/lib/rustlib/src/rust/library/Cargo.lock", package: "rust-web-src" },
    Need { program: "x86_64-w64-mingw32-gcc", package: "gcc-mingw-w64-x86-64" },
    Need { program: "x86_64-w64-mingw32-g++", package: "g++-mingw-w64-x86-64" },
    Need { program: "/usr/lib/wine/wine64", package: "wine64" },
    Need { program: "/usr/bin/python3", package: "python3" },
    Need { program: "/usr/lib/python3.11/ensurepip/__init__.py", package: "python3-venv" },
];

/// Makes sure that the other systems can be built for, in the same way.
#[cfg(target_os = "linux")]
pub(crate) fn ensure_platforms() -> Result<()> {
    ensure(&PLATFORMS, "checking the other systems")
}

/// Makes sure that packages can be tried; only root can do that.
pub(crate) fn ensure_trial() -> Result<()> {
    if !is_root()? {
        bail!("a clean root is root's to make\nhint: run this as root");
    }
    ensure(&TRIAL, "the trial of packages")
}

/// Makes sure that packages can be made, in the same way.
pub(crate) fn ensure_packaging() -> Result<()> {
    ensure_tray_app()?;
    ensure(&PACKAGING, "making packages")
}

/// Makes sure that a virtual desktop can be started: installs what is missing on
/// Debian and Ubuntu, and names it elsewhere.
pub(crate) fn ensure_desktop() -> Result<()> {
    ensure(&DESKTOP, "a virtual desktop")
}

/// Makes sure that Sway, KWin and GNOME Shell can be started, in the same way.
pub(crate) fn ensure_compositors() -> Result<()> {
    ensure(&COMPOSITORS, "the tests on Wayland")
}

/// Makes sure that the tray app can be built and tested, in the same way.
pub(crate) fn ensure_tray_app() -> Result<()> {
    ensure(&TRAY_APP, "the tray app")
}

fn ensure(needs: &[Need], what: &str) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    if !has_apt() {
        let programs: Vec<_> = missing.iter().map(|need| need.program).collect();
        bail!(
            "programs are missing that {what} needs: {}\n\
             hint: install them; on Debian they are in the packages {}",
            programs.join(", "),
            packages.join(" ")
        );
    }
    install(&packages)?;
    match self::missing(needs).first() {
        None => Ok(()),
        Some(need) => bail!("{} is not there after {} was installed", need.program, need.package),
    }
}

fn missing(needs: &[Need]) -> Vec<&Need> {
    needs.iter().filter(|need| !is_there(need.program)).collect()
}

fn is_there(program: &str) -> bool {
    match program.strip_suffix(".pc") {
        Some(library) => {
            let asked = Command::new("pkg-config").args(["--exists", library]).status();
            asked.is_ok_and(|status| status.success())
        }
        None => workspace::program(program).is_some(),
    }
}

fn install(packages: &[&str]) -> Result<()> {
    println!("installing {} with apt-get", packages.join(" "));
    let prefix: &[&str] = if is_root()? {
        &[]
    } else if workspace::program("sudo").is_some() {
        println!("apt-get needs root: sudo may ask for your password");
        &["sudo"]
    } else {
        bail!(
            "packages are missing, and only root may install them: {}\n\
             hint: run `apt-get install {}` as root",
            packages.join(", "),
            packages.join(" ")
        );
    };
    let apt = |arguments: &[&str]| {
        let words = prefix.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        let mut words = words.chain(arguments);
        let mut command = Command::new(words.next().unwrap_or(&"env"));
        workspace::run(command.args(words))
    };
    apt(&["update", "--quiet=2"])?;
    let options = ["install", "--yes", "--quiet=2", "--no-install-recommends"];
    apt(&[&options, packages].concat())
}

fn has_apt() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    is_debian(&release) && workspace::program("apt-get").is_some()
}

/// Whether an `os-release` file describes Debian, Ubuntu, or one of their children.
fn is_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| matches!(*name, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim_matches('"').split(' '))
        .any(|id| matches!(id, "debian" | "ubuntu"))
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("`id -u` does not start")?;
    Ok(output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_of_debian_and_ubuntu_are_recognised() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(is_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\nHOME_URL=\"https://not.debian\"\nID_LIKE=\"rhel\"\n"));
        assert!(!is_debian(""));
    }
}
