//! An authority of the test's own, and what it certifies.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

/// An authority, whose files are gone with it.
#[derive(Debug)]
pub struct Authority {
    files: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Now,
    /// It was.
    Over,
    /// It will be.
    Later,
}

/// A certificate's file and its key's, both PEM; the key can be read by its owner only.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// One that nobody knows yet.
    #[must_use]
    pub fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(files.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { files, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// Certifies a new key for a server of these names and addresses.
    #[must_use]
    pub fn certify(&self, names: &[&str], validity: Validity) -> Certified {
        let key = KeyPair::generate().unwrap();
        self.write(names, validity, ExtendedKeyUsagePurpose::ServerAuth, &key)
    }

    /// Certifies a new key for a device.
    #[must_use]
    pub fn certify_device(&self, name: &str, validity: Validity) -> Certified {
        let key = KeyPair::generate().unwrap();
        self.write(&[name], validity, ExtendedKeyUsagePurpose::ClientAuth, &key)
    }

    fn write(
        &self,
        names: &[&str],
        validity: Validity,
        usage: ExtendedKeyUsagePurpose,
        key: &KeyPair,
    ) -> Certified {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![usage];
        let (begin, end) = match validity {
            Validity::Now => (2000, 3000),
            Validity::Over => (2000, 2001),
            Validity::Later => (2990, 3000),
        };
        params.not_before = date_time_ymd(begin, 1, 1);
        params.not_after = date_time_ymd(end, 1, 1);
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        let directory = tempfile::tempdir_in(self.files.path()).unwrap().keep();
        let files = Certified {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        write_privately(&files.key, &key.serialize_pem());
        files
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Certified {
    /// Puts another certificate and key in place of these.
    pub fn replace_by(&self, other: &Self) {
        std::fs::copy(&other.certificate, &self.certificate).unwrap();
        std::fs::copy(&other.key, &self.key).unwrap();
    }
}

fn write_privately(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
