//! Takes out of text what is nobody else's business.

use std::path::Path;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::credentials::known_keys;
use crate::settings::Settings;

/// What a secret has to have at least, in bytes, for its text to be looked for.
const SHORTEST: usize = 4;

/// What is taken out, and what stands for it then. `$1` is what stays of it.
const PATTERNS: [(&str, &str); 6] = [
    (r"\bdp[akst]_[0-9A-Za-z_-]{6,}", "(secret)"),
    (r"(?i)\b(bearer\s+)[^\s,;]+", "$1(secret)"),
    (r"(?i)\b((?:api_key|access_token|enrollment_secret|password)\W{1,4})[^\s,;}]+", "$1(secret)"),
    (r"(://)[^/\s@]*@", "$1(hidden)@"),
    (r"(the server answered [^:\n]*: ).*", "$1(its words)"),
    (r"(window\.rules\b.*? is ).*?(, allowed is )", "$1(hidden)$2"),
];

pub(super) struct Scrubber {
    secrets: Vec<String>,
    names: Vec<(Regex, &'static str)>,
    patterns: Vec<(Regex, &'static str)>,
}

impl Scrubber {
    /// With the secrets and names that these settings know; without settings, by patterns.
    pub(super) fn of(settings: Option<&Settings>) -> Self {
        let patterns =
            PATTERNS.iter().filter_map(|(text, with)| Some((Regex::new(text).ok()?, *with)));
        let mut scrubber =
            Self { secrets: Vec::new(), names: Vec::new(), patterns: patterns.collect() };
        if let Some(directory) = std::env::home_dir() {
            scrubber.name(&directory, "~");
        }
        if let Some(settings) = settings {
            scrubber.learn(settings);
        }
        if let Some(name) = crate::machine::login_name() {
            scrubber.word(&name);
        }
        scrubber
    }

    /// The text without what is nobody else's business.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "(secret)");
        }
        for (pattern, with) in &self.patterns {
            text = pattern.replace_all(&text, *with).into_owned();
        }
        for (pattern, with) in &self.names {
            text = pattern.replace_all(&text, |_: &Captures<'_>| *with).into_owned();
        }
        text
    }

    /// The same of every text in a value; names of fields stay.
    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => Value::Object(
                fields.into_iter().map(|(name, value)| (name, self.value(value))).collect(),
            ),
            other => other,
        }
    }

    fn learn(&mut self, settings: &Settings) {
        let local = settings.local();
        let keys = known_keys(&local.home).into_iter().chain(local.api_key.clone());
        self.secrets.extend(keys.map(|key| key.expose().to_owned()));
        let password = local.proxy.as_ref().and_then(crate::origin::ProxyUrl::password);
        self.secrets.extend(password);
        self.secrets.retain(|secret| secret.len() >= SHORTEST);
        let home = local.home.root();
        if let Some(parent) = home.parent().filter(|parent| parent.parent().is_some()) {
            self.name(parent, "~");
        }
        if let Some(username) = &local.username {
            self.word(username.as_str());
        }
    }

    fn name(&mut self, path: &Path, with: &'static str) {
        if let Some(text) = path.to_str().filter(|text| text.len() > 1) {
            self.names.extend(Regex::new(&regex::escape(text)).ok().map(|name| (name, with)));
        }
    }

    /// A name of a person, where it stands by itself.
    fn word(&mut self, name: &str) {
        if name.is_empty() {
            return;
        }
        let text = format!(r"(?:^|\b){}(?:\b|$)", regex::escape(name));
        self.names.extend(Regex::new(&text).ok().map(|name| (name, "(user)")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_taken_out() {
        let scrubber = Scrubber::of(None);
        assert_eq!(scrubber.patterns.len(), PATTERNS.len());
        for (text, expected) in [
            ("key dpk_0123456789abcdef ends", "key (secret) ends"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer (secret)"),
            ("{\"api_key\":\"hunter2\"}", "{\"api_key\":\"(secret)}"),
            ("by http://me:pw@proxy:3128", "by http://(hidden)@proxy:3128"),
            (
                "the server answered a batch with 400 invalid: 'Salaries' is long",
                "the server answered a batch with 400 invalid: (its words)",
            ),
            (
                "the server's window.rules is [{\"title\":\"x\"}], allowed is a list",
                "the server's window.rules is (hidden), allowed is a list",
            ),
            ("nothing to hide at 12:30", "nothing to hide at 12:30"),
        ] {
            assert_eq!(scrubber.text(text), expected);
        }
    }

    #[test]
    fn a_name_is_taken_out_where_it_stands_by_itself() {
        let mut scrubber = Scrubber::of(None);
        scrubber.word("zoe");
        scrubber.name(Path::new("/home/zoe"), "~");
        assert_eq!(scrubber.text("zoe uses zoetrope"), "(user) uses zoetrope");
    }
}
