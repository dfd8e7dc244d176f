//! Whether `htu` is the URI of this request.
//!
//! Rules: RFC 9449 §4.3: query and fragment are left out, both sides are normalised by syntax
//! (RFC 3986 §6.2.2: case, percent-encoding) and by scheme (§6.2.3: default port, empty path). Dot
//! segments need no rule: no request has them. Scheme and host are those that the configuration
//! names: a request's own `Host` proves nothing.

/// Origin and path that clients put before the path that reaches us: a proxy in front may take a
/// prefix away, `PathBase` stays. `base` is the public URL and ends with `path_base`.
pub(super) fn public<'b>(base: &'b str, path_base: &str) -> (&'b str, &'b str) {
    let host = base.find("://").map_or(0, |at| at + 3);
    let path = base[host..].find('/').map_or(base.len(), |at| host + at);
    let (origin, path) = base.split_at(path);
    let prefix = path.len().checked_sub(path_base.len());
    let prefix = prefix.and_then(|end| path.split_at_checked(end));
    match prefix {
        Some((prefix, rest)) if rest.eq_ignore_ascii_case(path_base) => (origin, prefix),
        Some(_) | None => (origin, path),
    }
}

/// Whether `htu` is `path` under `prefix` at `origin`. The origin is in lower case and names no
/// default port.
pub(super) fn is_of(htu: &str, origin: &str, prefix: &str, path: &str) -> bool {
    let Some((scheme, rest)) = htu.split_once("://") else {
        return false;
    };
    let Some((own_scheme, own_authority)) = origin.split_once("://") else {
        return false;
    };
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let (authority, htu_path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let default_port = if own_scheme == "https" { ":443" } else { ":80" };
    let bare = authority.strip_suffix(default_port);
    let authority = bare.or(authority.strip_suffix(':')).unwrap_or(authority);
    let htu_path = if htu_path.is_empty() { "/" } else { htu_path };
    scheme.eq_ignore_ascii_case(own_scheme)
        && authority.eq_ignore_ascii_case(own_authority)
        && Normal(htu_path.bytes())
            .flatten()
            .eq(Normal(prefix.bytes()).chain(Normal(path.bytes())).flatten())
}

/// The characters of a path, each in its one spelling.
struct Normal<I>(I);

/// One byte, or three of an encoded one.
type Spelling = std::iter::Take<std::array::IntoIter<u8, 3>>;

impl<I: Iterator<Item = u8> + Clone> Iterator for Normal<I> {
    type Item = Spelling;

    fn next(&mut self) -> Option<Spelling> {
        let byte = self.0.next()?;
        let plain = |byte| [byte, 0, 0].into_iter().take(1);
        if byte != b'%' {
            return Some(plain(byte));
        }
        let mut ahead = self.0.clone();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (Some(high), Some(low)) = (ahead.next(), ahead.next()) else {
            return Some(plain(byte));
        };
        let (Some(upper), Some(lower)) = (digit(high), digit(low)) else {
            return Some(plain(byte));
        };
        self.0 = ahead;
        let decoded = u8::try_from(upper << 4 | lower).unwrap_or(byte);
        // RFC 3986 §2.3: unreserved.
        if decoded.is_ascii_alphanumeric() || b"-._~".contains(&decoded) {
            return Some(plain(decoded));
        }
        let spelt = [b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()];
        Some(spelt.into_iter().take(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn htu_is_compared_after_normalisation_without_query_and_fragment() {
        const ORIGIN: &str = "https://sidecar.example";
        for (htu, path, want) in [
            ("https://sidecar.example/a/b", "/a/b", true),
            ("https://sidecar.example/a/b?x=1", "/a/b", true),
            ("https://sidecar.example/a/b#f", "/a/b", true),
            ("https://sidecar.example/a/b?x#f", "/a/b", true),
            ("HTTPS://SideCar.Example/a/b", "/a/b", true),
            ("https://sidecar.example:443/a/b", "/a/b", true),
            ("https://sidecar.example:/a/b", "/a/b", true),
            ("https://sidecar.example", "/", true),
            ("https://sidecar.example?x", "/", true),
            ("https://sidecar.example/%7Eu/%2f", "/~u/%2F", true),
            ("https://sidecar.example/~u", "/%7eu", true),
            // What an encoded slash means is not what a slash means.
            ("https://sidecar.example/a%2Fb", "/a/b", false),
            ("https://sidecar.example/%zz", "/%zz", true),
            ("https://sidecar.example/%", "/%", true),
            ("https://sidecar.example/%25", "/%", false),
            ("https://sidecar.example/A/b", "/a/b", false),
            ("https://sidecar.example/a/b/", "/a/b", false),
            ("https://sidecar.example/a", "/a/b", false),
            ("https://sidecar.example/a/b/c", "/a/b", false),
            ("https://sidecar.example/x/../a/b", "/a/b", false),
            ("https://sidecar.example:8443/a/b", "/a/b", false),
            ("https://sidecar.example:80/a/b", "/a/b", false),
            ("https://other.example/a/b", "/a/b", false),
            ("https://sidecar.example@other.example/a/b", "/a/b", false),
            ("https://u@sidecar.example/a/b", "/a/b", false),
            ("https://sidecar.example.other/a/b", "/a/b", false),
            ("http://sidecar.example/a/b", "/a/b", false),
            ("//sidecar.example/a/b", "/a/b", false),
            ("/a/b", "/a/b", false),
            ("", "/a/b", false),
        ] {
            assert_eq!(is_of(htu, ORIGIN, "", path), want, "{htu} {path}");
        }
        assert!(is_of("http://h:80/a", "http://h", "", "/a"));
        assert!(is_of("https://h:8077/a", "https://h:8077", "", "/a"));
        assert!(!is_of("https://h/a", "https://h:8077", "", "/a"));
        assert!(is_of(
            "https://[::1]:8077/a",
            "https://[::1]:8077",
            "",
            "/a"
        ));
    }

    #[test]
    fn what_a_proxy_takes_away_stands_in_htu() {
        for (base, path_base, want) in [
            ("https://h", "", ("https://h", "")),
            ("https://h:1/wf", "", ("https://h:1", "/wf")),
            ("https://h/wf", "/wf", ("https://h", "")),
            ("https://h/WF", "/wf", ("https://h", "")),
            ("https://h/a/wf", "/wf", ("https://h", "/a")),
        ] {
            assert_eq!(public(base, path_base), want, "{base} {path_base}");
        }
        assert!(is_of("https://h/a/wf/x", "https://h", "/a", "/wf/x"));
        assert!(!is_of("https://h/wf/x", "https://h", "/a", "/wf/x"));
    }
}
