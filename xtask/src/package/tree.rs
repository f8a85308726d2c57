//! What each package puts where.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::build::Programs;
use super::{Release, licences, output};
use crate::workspace;

/// The files of one package, below `root` as they will lie below `/`.
pub(super) struct Tree {
    pub(super) package: &'static str,
    /// Its program, in `/usr/bin`.
    pub(super) program: &'static str,
    pub(super) root: PathBuf,
    /// What an administrator may change, and an upgrade keeps.
    pub(super) settings: &'static [&'static str],
}

pub(super) fn stage(release: &Release, programs: &Programs, stage: &Path) -> Result<[Tree; 2]> {
    if stage.exists() {
        fs::remove_dir_all(stage)?;
    }
    let client = Tree {
        package: "devpulse-client",
        program: "devpulse-client",
        root: stage.join("client"),
        settings: &[],
    };
    let desktop = Tree {
        package: "devpulse",
        program: "devpulse-desktop",
        root: stage.join("desktop"),
        settings: &["/etc/xdg/autostart/devpulse-desktop.desktop"],
    };
    client.fill_client(release, programs)?;
    desktop.fill_desktop(release, programs)?;
    Ok([client, desktop])
}

impl Tree {
    fn fill_client(&self, release: &Release, programs: &Programs) -> Result<()> {
        self.program(&programs.client, "usr/bin/devpulse-client")?;
        self.copy("packaging/linux/devpulse-client.service", "usr/lib/systemd/user")?;
        self.copy("packaging/linux/devpulse-client.desktop", "usr/share/applications")?;
        let client = || Command::new(&programs.client);
        let shells = [
            ("bash", "usr/share/bash-completion/completions/devpulse-client"),
            ("zsh", "usr/share/zsh/vendor-completions/_devpulse-client"),
            ("fish", "usr/share/fish/vendor_completions.d/devpulse-client.fish"),
        ];
        for (shell, path) in shells {
            let script = output(client().args(["completions", shell]))?;
            self.write(path, format!("{script}\n").as_bytes())?;
        }
        let manual = self.root.join("usr/share/man/man1");
        output(client().arg("manual").arg(&manual))?;
        self.documents(release, "devpulse-client")
    }

    fn fill_desktop(&self, release: &Release, programs: &Programs) -> Result<()> {
        self.program(&programs.desktop, "usr/bin/devpulse-desktop")?;
        let name = "devpulse-desktop";
        self.copy("packaging/linux/devpulse-desktop.desktop", "usr/share/applications")?;
        let linux = workspace::root()?.join("packaging/linux");
        let entry = fs::read(linux.join("autostart.desktop"))?;
        self.write("etc/xdg/autostart/devpulse-desktop.desktop", &entry)?;
        let info = "dev.devpulse.desktop.metainfo.xml";
        let text = release.fill(&fs::read_to_string(linux.join(info))?)?;
        self.write(&format!("usr/share/metainfo/{info}"), text.as_bytes())?;
        let page = release.fill(&fs::read_to_string(linux.join("devpulse-desktop.1"))?)?;
        self.write("usr/share/man/man1/devpulse-desktop.1", page.as_bytes())?;
        let icons = workspace::root()?.join("icons");
        let sizes =
            [("32x32", "32x32.png"), ("128x128", "128x128.png"), ("256x256", "128x128@2x.png")];
        for (size, file) in sizes {
            let icon = fs::read(icons.join(file))?;
            self.write(&format!("usr/share/icons/hicolor/{size}/apps/{name}.png"), &icon)?;
        }
        let icon = fs::read(icons.join("icon.svg"))?;
        self.write(&format!("usr/share/icons/hicolor/scalable/apps/{name}.svg"), &icon)?;
        self.documents(release, "devpulse-desktop")
    }

    fn documents(&self, release: &Release, program: &str) -> Result<()> {
        let folder = format!("usr/share/doc/{}", self.package);
        let licence = fs::read_to_string(workspace::root()?.join("LICENSE"))?;
        self.write(&format!("{folder}/copyright"), copyright(&licence).as_bytes())?;
        let others = licences::of(program)?;
        self.compressed(&format!("{folder}/third-party-licences.txt"), others.as_bytes())?;
        let changes = changes(release, self.package)?;
        self.compressed(&format!("{folder}/changelog"), changes.as_bytes())?;
        for page in self.pages()? {
            self.compressed_in_place(&page)?;
        }
        Ok(())
    }

    fn pages(&self) -> Result<Vec<PathBuf>> {
        let folder = self.root.join("usr/share/man/man1");
        let mut pages = Vec::new();
        for entry in fs::read_dir(folder)? {
            pages.push(entry?.path());
        }
        pages.sort();
        Ok(pages)
    }

    fn program(&self, built: &Path, path: &str) -> Result<()> {
        let bytes = fs::read(built).with_context(|| format!("{} is gone", built.display()))?;
        self.write(path, &bytes)?;
        fs::set_permissions(self.root.join(path), fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Copies a file of the repository into a folder.
    fn copy(&self, file: &str, folder: &str) -> Result<()> {
        let from = workspace::root()?.join(file);
        let name =
            from.file_name().context("a file without a name")?.to_string_lossy().into_owned();
        self.write(&format!("{folder}/{name}"), &fs::read(&from)?)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(path);
        let folder = path.parent().context("a file without a folder")?;
        fs::create_dir_all(folder)?;
        fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        Ok(())
    }

    fn compressed(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.write(path, bytes)?;
        self.compressed_in_place(&self.root.join(path))
    }

    fn compressed_in_place(&self, path: &Path) -> Result<()> {
        workspace::run(Command::new("gzip").args(["--best", "--no-name", "--force"]).arg(path))
    }
}

/// Debian's copyright file, in the form that machines read.
fn copyright(licence: &str) -> String {
    let body: Vec<String> = licence
        .lines()
        .skip_while(|line| !line.starts_with("Permission"))
        .map(|line| if line.is_empty() { " .".to_owned() } else { format!(" {line}") })
        .collect();
    let holder = licence.lines().find(|line| line.starts_with("Copyright")).unwrap_or_default();
    let holder = holder.trim_start_matches("Copyright (c) ");
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: devpulse-client\n\
         Source: https://github.com/YamanYucel/devpulse-client\n\
         Comment: The licences of what is linked in are in third-party-licences.txt.gz.\n\n\
         Files: *\nCopyright: {holder}\nLicense: Expat\n{}\n",
        body.join("\n")
    )
}

/// Debian's changelog: of each version, where its changes are told.
fn changes(release: &Release, package: &str) -> Result<String> {
    let at = format!("@{}", release.epoch);
    let mut date = Command::new("date");
    let date = output(date.env("LC_ALL", "C").args(["--utc", "--date", &at, "--rfc-email"]))?;
    Ok(format!(
        "{package} ({}) stable; urgency=medium\n\n  \
         * The changes are told in CHANGELOG.md of the sources.\n\n \
         -- DevPulse developers <YamanYucel@users.noreply.github.com>  {date}\n",
        release.version
    ))
}
