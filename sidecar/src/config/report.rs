//! `sidecar check`: everything that is wrong, at once, without starting or writing anything.

use settings::Severity;

use super::draft::Draft;
use super::{Endpoint, Source};

/// What `sidecar check` prints, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Drawn faults and a last line that sums up.
    pub text: String,
    /// 0 when the file would be taken, else 1.
    pub exit_code: u8,
}

/// Checks `source`. `strict` makes warnings errors; `color` is for a terminal.
pub fn check(source: &Source, strict: bool, color: bool) -> Report {
    let (draft, mut faults) = source.check();
    if strict {
        faults.make_strict();
    }
    let name = match &source.file {
        Some(file) => file.display().to_string(),
        None => "the configuration".to_owned(),
    };
    let errors = faults.count(Severity::Error);
    let warnings = faults.count(Severity::Warning);
    let mut text = faults.render(color);
    if !text.is_empty() {
        text.push('\n');
    }
    let verdict = if errors == 0 {
        let with = number(warnings, "warning", " with ");
        let summary = draft.as_ref().map(summary).unwrap_or_default();
        format!("{name} is valid{with}{summary}")
    } else {
        let also = number(warnings, "warning", " and ");
        format!("{name} has {}{also}", number(errors, "fault", ""))
    };
    text.push_str(&verdict);
    text.push('\n');
    Report {
        text,
        exit_code: u8::from(errors > 0),
    }
}

fn summary(draft: &Draft) -> String {
    let urls: Vec<_> = draft.listen.iter().map(|url| &*url.url).collect();
    let clients = draft
        .token_server
        .as_ref()
        .map_or(0, |server| server.registered.clients.iter().count());
    let upstream = match &draft.upstream.endpoint {
        Endpoint::Embedded => "the embedded engine".to_owned(),
        Endpoint::Http { authority } => format!("http://{authority}"),
        Endpoint::Unix { path } => format!("unix:{}", path.display()),
    };
    let issuers = match draft.issuers.len() {
        0 => String::new(),
        count => format!("\n  issuers    {count} besides"),
    };
    format!(
        "\n  listens on {}\n  issuer     {}\n  clients    {clients}{issuers}\n  upstream   {upstream}",
        urls.join(", "),
        draft.authority.issuer,
    )
}

/// `" and 2 warnings"`, or nothing for none.
fn number(count: usize, noun: &str, before: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!("{before}1 {noun}"),
        more => format!("{before}{more} {noun}s"),
    }
}
