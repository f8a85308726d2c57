//! The built-in rules, which `docs/rules.md` lists: private browsing is not reported, and
//! password managers are reported without their titles.

use devpulse_protocol::{Rule, RuleAction};

/// A rule that holds unless the policy has one of its own, or turns them off.
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) app: &'static str,
    pub(super) title: Option<&'static str>,
    pub(super) action: RuleAction,
}

/// Every built-in rule, in the order in which they are tried. Applications are named as
/// X11's `WM_CLASS`, Windows and macOS name them.
pub(super) const RULES: [Builtin; 4] = [
    Builtin {
        name: "private-firefox",
        app: r"(?i)^(mozilla )?(firefox|navigator|librewolf|waterfox|floorp|icecat|zen|mullvad browser)",
        title: Some(concat!(
            r"(?i)(private browsing|private window|privater modus|privates fenster",
            r"|navigation privée|navegación privada|navigazione anonima|navegação priva(da|tiva)",
            r"|privénavigatie|privéweergave|tryb prywatny|prywatne przeglądanie",
            r"|приватный просмотр|приватний перегляд|anonymní prohlížení|soukromé prohlížení",
            r"|súkromné prehliadanie|privát böngészés|navigare privată|privat surf\w*",
            r"|privat browsing|privat nettlesing|yksityinen selaus|gizli gezinti",
            r"|ιδιωτική περιήγηση|プライベートブラウジング|隐私浏览|隱私瀏覽|사생활 보호 모드",
            r"|גלישה פרטית|تصفح خاص)[\p{P}\p{S}\s]*$"
        )),
        action: RuleAction::Drop,
    },
    Builtin {
        name: "private-tor",
        app: r"(?i)^tor[ -]browser",
        title: None,
        action: RuleAction::Drop,
    },
    Builtin {
        name: "private-chromium",
        app: r"(?i)^(google[ -]chrom|chrom(e|ium)|microsoft[ -]?edge|msedge|brave|vivaldi|opera)",
        title: Some(concat!(
            r"(?i)[(\[](incognito|inkognito|inprivate|private|privat|privé|navigation privée",
            r"|incógnito|in incognito|anônima|anónima|anonymní|инкогнито|режим инкогнито",
            r"|シークレット|無痕|无痕|시크릿|gizli)[)\]][\p{P}\p{S}\s]*($|[-–—])",
            r"|^(new incognito tab|new private (tab|window)|new inprivate (tab|window)",
            r"|neuer inkognito-?tab|neuer inprivate-tab|neuer privater tab",
            r"|nouvel onglet de navigation privée|nouvel onglet inprivate",
            r"|nueva pestaña de incógnito|nueva pestaña inprivate|nueva ventana privada",
            r"|nuova scheda (di navigazione )?in incognito|nuova scheda inprivate",
            r"|nova guia anônima|novo separador de navegação anónima|nova guia inprivate",
            r"|nieuw incognitotabblad|nowa karta incognito|nová anonymní karta",
            r"|новая вкладка (в режиме )?инкогнито|нова вкладка в режимі анонімного перегляду",
            r"|ny inkognitoflik|ny inkognitofane|uusi incognito-välilehti|yeni gizli sekme",
            r"|新しいシークレット ?タブ|新的无痕式?标签页|打开新的无痕式?标签页|新無痕式分頁",
            r"|새 시크릿 탭)"
        )),
        action: RuleAction::Drop,
    },
    Builtin {
        name: "password-manager",
        app: concat!(
            r"(?i)^((org\.keepassxc\.)?keepass(xc|x|2)?(\.exe)?|bitwarden|1password|lastpass|dashlane",
            r"|enpass|nordpass|proton ?pass|keeper ?(password ?manager|passwordmanager)?|roboform",
            r"|buttercup|seahorse|org\.gnome\.seahorse\.application|passwords and keys",
            r"|(org\.gnome\.world\.)?secrets|kwalletmanager5?|org\.kde\.kwalletmanager5?",
            r"|qtpass|gopass|padloc|pass(word)? ?safe|pwsafe|myki|sticky password|passwords",
            r"|keychain access)$"
        ),
        title: None,
        action: RuleAction::AppOnly,
    },
];

/// The built-in rules as a policy would write them.
#[must_use]
pub fn builtin_rules() -> Vec<Rule> {
    let written = |rule: &Builtin| Rule {
        app: Some(rule.app.to_owned()),
        title: rule.title.map(ToOwned::to_owned),
        action: rule.action,
    };
    RULES.iter().map(written).collect()
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::Config;

    use super::*;
    use crate::policy::{AppliedRule, CapturePolicy, Reported, WindowRules};

    fn rules() -> WindowRules {
        WindowRules::new(&CapturePolicy::from_config(&Config::default(), [1; 32]))
    }

    #[test]
    fn every_pattern_can_be_read_and_every_rule_is_documented() {
        let document = include_str!("../../../../docs/rules.md");
        for rule in &RULES {
            for pattern in [Some(rule.app), rule.title].into_iter().flatten() {
                assert!(regex::Regex::new(pattern).is_ok(), "{}: {pattern}", rule.name);
            }
            assert!(document.contains(&format!("| `{}` |", rule.name)), "{}", rule.name);
        }
    }

    #[test]
    fn private_browsing_is_not_reported() {
        let rules = rules();
        for (app, title, by) in [
            ("firefox", "Mozilla Firefox Private Browsing", "private-firefox"),
            ("firefox-esr", "Jobs — Mozilla Firefox (Private Browsing)", "private-firefox"),
            ("Firefox", "Stellen — Mozilla Firefox Privater Modus", "private-firefox"),
            ("Navigator", "Santé — Mozilla Firefox — Navigation privée", "private-firefox"),
            ("firefox", "求人 — Mozilla Firefox プライベートブラウジング", "private-firefox"),
            ("Mozilla Firefox", "Praca — Mozilla Firefox (tryb prywatny)", "private-firefox"),
            ("LibreWolf", "a — LibreWolf Private Browsing", "private-firefox"),
            ("Tor Browser", "anything", "private-tor"),
            ("Google-chrome", "New Incognito Tab - Google Chrome", "private-chromium"),
            ("Google Chrome", "Jobs - Google Chrome (Incognito)", "private-chromium"),
            ("Chromium", "Neuer Inkognito-Tab - Chromium", "private-chromium"),
            ("Microsoft-edge", "Jobs - [InPrivate] - Microsoft Edge", "private-chromium"),
            ("Brave-browser", "New Private Tab - Brave", "private-chromium"),
            ("chrome", "新しいシークレット タブ - Google Chrome", "private-chromium"),
        ] {
            let ruling = rules.judge(Some(app), Some(title));
            assert_eq!(ruling.reported, Reported::Nothing, "{app}: {title}");
            assert_eq!(ruling.by, Some(AppliedRule::BuiltIn(by)), "{app}: {title}");
        }
    }

    #[test]
    fn password_managers_are_reported_without_their_titles() {
        let rules = rules();
        for app in [
            "KeePassXC",
            "keepassxc",
            "org.keepassxc.KeePassXC",
            "Bitwarden",
            "1Password",
            "Seahorse",
            "org.gnome.World.Secrets",
            "KeePass.exe",
            "Keychain Access",
        ] {
            let ruling = rules.judge(Some(app), Some("Bank account.kdbx"));
            assert_eq!(ruling.reported, Reported::ApplicationOnly, "{app}");
            assert_eq!(ruling.by, Some(AppliedRule::BuiltIn("password-manager")), "{app}");
        }
    }

    #[test]
    fn ordinary_work_is_reported() {
        let rules = rules();
        for (app, title) in [
            ("firefox", "Private browsing explained — Mozilla Firefox"),
            ("Google-chrome", "How incognito mode works - Google Chrome"),
            ("Microsoft-edge", "Edge news - Microsoft Edge"),
            ("Editor", "New Incognito Tab"),
            ("xterm", "pass show bank"),
            ("Code", "secrets.rs"),
        ] {
            let ruling = rules.judge(Some(app), Some(title));
            assert_eq!(ruling.reported, Reported::InFull, "{app}: {title}");
        }
    }
}
