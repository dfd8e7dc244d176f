//! The attack list of the OAuth reference §6, over a thousand requests of it: none of them carries
//! an authorisation for what it asks, and none may reach the engine's stand-in.
//!
//! Which answer each kind gets is stated elsewhere (`bearer`, `canonical`, `request_forms`). Here it
//! only counts that it is a refusal, or no answer at all, and that nothing came out at the other end.

use serde_json::{Value, json};
use tests::client::{Client, form};
use tests::forge::{Forger, claims_of, encode, header_of, hs256, unsigned, with};
use tests::material::Material;
use tests::raw::Raw;
use tests::recorder::Recorder;
use tests::secrets;
use tests::server::{Setup, Sidecar};
use tokio::task::JoinSet;

const PATH: &str = "/workflowapi/getschemelist";
/// Connections at a time.
const LANES: usize = 32;

/// One attack: its name, and every byte that is sent.
struct Attack {
    name: String,
    bytes: Vec<u8>,
}

/// What attacks are made of.
struct Workshop {
    host: String,
    /// Signs with the sidecar's own key: a signature proves nothing by itself.
    forger: Forger,
    header: Value,
    claims: Value,
    /// A good token.
    token: String,
    /// A good token of a client that may only read, and has not the scope of the API.
    narrow: String,
    /// A good token of a client that may only read.
    reader: String,
    attacks: Vec<Attack>,
}

impl Workshop {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.attacks.push(Attack {
            name: name.into(),
            bytes: bytes.into(),
        });
    }

    /// A GET of the listing with these header lines.
    fn with_lines(&mut self, name: impl Into<String>, lines: &str) {
        let host = &self.host;
        let bytes =
            format!("GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n\r\n");
        self.add(name, bytes);
    }

    fn with_token(&mut self, name: impl Into<String>, token: &str) {
        self.with_lines(name, &format!("Authorization: Bearer {token}"));
    }

    /// Any target, under `token` when there is one.
    fn with_target(&mut self, method: &str, target: &str, token: Option<&str>, body: &str) {
        let host = &self.host;
        let authorization = token.map_or(String::new(), |token| {
            format!("Authorization: Bearer {token}\r\n")
        });
        let bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{authorization}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.add(format!("{method} {target} {body}"), bytes);
    }

    fn differing(&self, header: &Value, claims: &Value) -> String {
        let header = with(&self.header, header);
        self.forger.token(&header, &with(&self.claims, claims))
    }

    /// Signatures and algorithms.
    fn algorithms(&mut self, jwk: &Value) {
        let material = Material::shared_signing();
        let public: Vec<Vec<u8>> = vec![
            material.certificate.clone().into_bytes(),
            material.trust().to_vec(),
            jwk["n"].as_str().expect("a modulus").as_bytes().to_vec(),
            jwk.to_string().into_bytes(),
            Vec::new(),
        ];
        for alg in [
            "none", "None", "NONE", "nOnE", "", " none", "none ", "HS256", "HS384", "HS512",
            "hs256", "rs256", "RS256 ", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
            "ES256K", "ES384", "ES512", "EdDSA", "Ed25519", "RSA-OAEP", "dir", "A128KW", "RS1",
        ] {
            let header = with(&self.header, &json!({ "alg": alg }));
            let token = unsigned(&header, &self.claims);
            self.with_token(format!("alg {alg:?} unsigned"), &token);
            let token = self.forger.token(&header, &self.claims);
            self.with_token(format!("alg {alg:?} well signed"), &token);
            for (index, key) in public.iter().enumerate() {
                let token = hs256(&header, &self.claims, key);
                self.with_token(format!("alg {alg:?} as HMAC {index}"), &token);
            }
        }
        let stranger = Forger::new(&Material::signing("attacker"));
        for change in [
            json!({}),
            json!({ "jku": "https://evil.example/jwks" }),
            json!({ "x5u": "https://evil.example/chain" }),
            json!({ "x5c": ["AAAA"] }),
            json!({ "jwk": { "kty": "RSA", "n": "AQAB", "e": "AQAB" } }),
            json!({ "kid": null }),
            json!({ "kid": "" }),
            json!({ "kid": 1 }),
            json!({ "kid": ["x"] }),
            json!({ "kid": "../../../../dev/null" }),
            json!({ "kid": "/dev/null" }),
            json!({ "kid": "file:///etc/passwd" }),
            json!({ "kid": "https://evil.example/key" }),
            json!({ "kid": "x' UNION SELECT 'y" }),
            json!({ "kid": "|/bin/true" }),
            json!({ "kid": "\u{0}" }),
            json!({ "kid": "a".repeat(4000) }),
            json!({ "crit": ["exp"] }),
            json!({ "crit": [] }),
            json!({ "b64": false, "crit": ["b64"] }),
            json!({ "enc": "A128GCM", "zip": "DEF" }),
            json!({ "cty": "JWT" }),
            json!({ "typ": "JWT" }),
            json!({ "typ": null }),
        ] {
            let header = with(&self.header, &change);
            let token = stranger.token(&header, &self.claims);
            self.with_token(format!("a stranger's key {change}"), &token);
        }
        for typ in [
            "JWT",
            "jwt",
            "",
            "at",
            "at+jwt ",
            "at+jwt;x",
            "id_token",
            "id_token+jwt",
            "logout+jwt",
            "dpop+jwt",
            "secevent+jwt",
            "application/jwt",
            "text/at+jwt",
            "application/application/at+jwt",
            "client-authentication+jwt",
        ] {
            let token = self.differing(&json!({ "typ": typ }), &json!({}));
            self.with_token(format!("typ {typ:?}"), &token);
        }
    }

    /// What the claims say.
    fn claims(&mut self) {
        let now = self.claims["iat"].as_i64().expect("seconds");
        let issuer = self.claims["iss"].as_str().expect("a URL").to_owned();
        let mut changes = Vec::new();
        for iss in [
            "https://evil.example/".to_owned(),
            format!("{issuer}/"),
            format!("{issuer}x"),
            format!("{issuer}?"),
            format!("{issuer}#"),
            format!("{issuer}.."),
            format!(" {issuer}"),
            format!("{issuer} "),
            issuer.to_uppercase(),
            issuer.replacen("https", "http", 1),
            issuer.replacen("https://", "https://evil@", 1),
            issuer.replacen("localhost", "127.0.0.1", 1),
            issuer.replacen("localhost", "localhost.", 1),
            String::new(),
        ] {
            if iss != issuer {
                changes.push(json!({ "iss": iss }));
            }
        }
        for aud in [
            json!("workflowapi"),
            json!("WorkflowApi "),
            json!(" WorkflowApi"),
            json!("*"),
            json!(""),
            json!([]),
            json!(["x"]),
            json!(["WorkflowApi", 1]),
            json!([["WorkflowApi"]]),
            json!({ "WorkflowApi": true }),
            json!(1),
            json!(true),
            json!("WorkflowApi,x"),
            json!("x WorkflowApi"),
            json!(["WorkflowApi", null]),
            json!([{}, "WorkflowApi"]),
            Value::Null,
        ] {
            changes.push(json!({ "aud": aud }));
        }
        for exp in [
            json!(0),
            json!(1),
            json!(-1),
            json!(now - 1),
            json!(now - 3600),
            json!("9999999999"),
            json!(true),
            json!([now + 60]),
            json!({}),
            json!(1e30),
            json!(9e18),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(-1e18),
            Value::Null,
        ] {
            changes.push(json!({ "exp": exp }));
        }
        for name in ["nbf", "iat"] {
            for value in [
                json!(now + 3600),
                json!(now + 60),
                json!("0"),
                json!(-1),
                json!(1e30),
                json!(true),
                json!([]),
                json!(i64::MAX),
            ] {
                changes.push(json!({ name: value, "exp": now + 7200 }));
            }
        }
        for name in ["client_id", "sub"] {
            for value in [
                json!(""),
                json!(1),
                json!(["tester"]),
                json!({}),
                Value::Null,
                json!(true),
            ] {
                changes.push(json!({ name: value }));
            }
        }
        for id in [
            "nobody",
            "TESTER",
            "tester ",
            " tester",
            "tester\u{0}",
            "*",
            "tester/../narrow",
        ] {
            changes.push(json!({ "client_id": id, "sub": id }));
        }
        for cnf in [
            json!({}),
            json!({ "jkt": "AAAA" }),
            json!({ "x5t#S256": "AAAA" }),
            json!({ "jwk": {} }),
            json!("x"),
            json!(1),
            json!([]),
            json!({ "kid": "x" }),
            json!({ "jkt": 1 }),
            json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
            json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        ] {
            changes.push(json!({ "cnf": cnf }));
        }
        for scope in [
            json!(""),
            json!("workflowapi"),
            json!("WorkflowApi,Other"),
            json!("reports"),
            json!([]),
            json!(["x"]),
            json!("WorkflowApiX"),
            json!("WorkflowApi\tx"),
            json!(1),
            json!({ "WorkflowApi": 1 }),
            Value::Null,
        ] {
            changes.push(json!({ "scope": scope }));
        }
        for change in changes {
            let token = self.differing(&json!({}), &change);
            self.with_token(format!("claims {change}"), &token);
        }
        // JSON that two readers could take for different things.
        let (header, good) = (self.header.to_string(), self.claims.to_string());
        let open = good.trim_end_matches('}').to_owned();
        for member in [
            "\"client_id\":\"narrow\"",
            "\"sub\":\"narrow\"",
            "\"aud\":\"x\"",
            "\"exp\":9999999999",
            "\"\\u0065xp\":9999999999",
            "\"iss\":\"x\"",
            "\"scope\":\"x\"",
            "\"jti\":\"x\"",
            "\"nbf\":0",
            "\"iat\":0",
        ] {
            let token = self
                .forger
                .token_of_text(&header, &format!("{open},{member}}}"));
            self.with_token(format!("claims twice {member}"), &token);
        }
        for claims in [
            String::new(),
            "{}".into(),
            "[]".into(),
            "null".into(),
            "1".into(),
            format!("[{good}]"),
            format!("{good} {{}}"),
            format!("{good}x"),
            format!("\u{feff}{good}"),
            good.replacen('{', "{/**/", 1),
            good.replace('}', ",}"),
            good.replace('"', "'"),
            format!("{}{good}", "[".repeat(2000)),
            good.replacen(':', "=", 1),
        ] {
            let token = self.forger.token_of_text(&header, &claims);
            self.with_token(format!("claims as {claims:.20}"), &token);
        }
        for member in [
            "\"alg\":\"none\"",
            "\"kid\":\"x\"",
            "\"typ\":\"JWT\"",
            "\"\\u0061lg\":\"none\"",
        ] {
            let header = format!("{},{member}}}", header.trim_end_matches('}'));
            let token = self.forger.token_of_text(&header, &good);
            self.with_token(format!("header twice {member}"), &token);
        }
    }

    /// One character of a good token is another, is missing, or is one too many.
    fn spellings(&mut self) {
        let token = self.token.clone();
        let length = token.len();
        for at in (0..length).step_by(3) {
            let mut changed = token.clone().into_bytes();
            // The last bits of a segment's last character mean nothing, and so must be zero.
            changed[at] = match changed[at] {
                b'.' => b'-',
                b'A' => b'B',
                _ => b'A',
            };
            let changed = String::from_utf8(changed).expect("ASCII");
            self.with_token(format!("another character at {at}"), &changed);
        }
        for at in (1..length).step_by(11) {
            self.with_token(format!("cut at {at}"), &token[..at]);
            self.with_token(format!("begun at {at}"), &token[at..]);
        }
        let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
        for part in 0..3 {
            for (what, change) in [
                ("padded", format!("{}=", parts[part])),
                ("padded twice", format!("{}==", parts[part])),
                ("doubled", format!("{0}{0}", parts[part])),
                ("empty", String::new()),
                ("standard alphabet", format!("+/{}", &parts[part][2..])),
                ("tilde", format!("{}~", parts[part])),
                ("newline", format!("{}%0A", parts[part])),
                ("of zeros", "A".repeat(parts[part].len())),
            ] {
                let mut parts = parts.clone();
                parts[part] = change;
                self.with_token(format!("part {part} {what}"), &parts.join("."));
            }
        }
        for (what, spelt) in [
            ("a fourth part", format!("{token}.AAAA")),
            (
                "five parts, as an encrypted one",
                format!("{token}.AAAA.AAAA"),
            ),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            (
                "parts changed round",
                format!("{}.{}.{}", parts[1], parts[0], parts[2]),
            ),
            ("a dot before", format!(".{token}")),
            ("a dot behind", format!("{token}.")),
            (
                "JSON form",
                encode(&json!({ "payload": parts[1] }).to_string()),
            ),
            ("64 KiB", "A".repeat(64 * 1024)),
            ("9 KiB", format!("{token}{}", "A".repeat(9 * 1024))),
        ] {
            self.with_token(what, &spelt);
        }
    }

    /// The `Authorization` header, and all places that are none.
    fn places(&mut self) {
        let token = self.token.clone();
        for lines in [
            String::new(),
            "Authorization:".into(),
            "Authorization: Bearer".into(),
            "Authorization: Bearer ".into(),
            format!("Authorization: {token}"),
            format!("Authorization: Basic {token}"),
            format!("Authorization: Digest {token}"),
            format!("Authorization: Token {token}"),
            format!("Authorization: DPoP {token}"),
            format!("Authorization: Bearer\t{token}"),
            format!("Authorization: Bearer:{token}"),
            format!("Authorization: Bearer={token}"),
            format!("Authorization: Bearer,{token}"),
            format!("Authorization: Bearer{token}"),
            format!("Authorization: Bearer \"{token}\""),
            format!("Authorization: Bearer {token}, Bearer {token}"),
            format!("Authorization: Bearer {token} x"),
            format!("Authorization: Bearer {token},x"),
            format!("Authorization: Bearer {token}\u{e9}"),
            format!("Authorization: Basic x, Bearer {token}"),
            format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}"),
            format!("Authorization: Bearer {token}\r\nauthorization: Bearer x"),
            format!("Authorization: Basic eDp5\r\nAuthorization: Bearer {token}"),
            format!("Authorization: Bearer\r\n {token}"),
            format!("Authorization : Bearer {token}"),
            format!(" Authorization: Bearer {token}"),
            format!("X-Authorization: Bearer {token}"),
            format!("Proxy-Authorization: Bearer {token}"),
            format!("X-Forwarded-Authorization: Bearer {token}"),
            format!("X-Original-Authorization: Bearer {token}"),
            format!("X-Access-Token: {token}"),
            format!("X-Api-Key: {token}"),
            format!("Cookie: access_token={token}"),
            format!("Cookie: Authorization=Bearer {token}"),
            format!("Sec-WebSocket-Protocol: bearer, {token}"),
            format!("Connection: authorization\r\nAuthorization: Bearer {token}"),
            format!("Connection: close, Authorization\r\nAuthorization: Bearer {token}"),
            "X-Workflow-Client: tester\r\nX-Workflow-Scopes: WorkflowApi".into(),
            "X_Workflow_Client: tester".into(),
            "X-Forwarded-For: 127.0.0.1".into(),
            "X-Forwarded-User: tester\r\nX-Remote-User: tester".into(),
            "X-Original-URL: /livez".into(),
            "X-Rewrite-URL: /public".into(),
            "X-HTTP-Method-Override: OPTIONS".into(),
            "Forwarded: for=127.0.0.1".into(),
            "X-Forwarded-Client-Cert: Subject=\"CN=tester\"".into(),
            "X-SSL-Client-Verify: SUCCESS\r\nX-SSL-Client-S-DN: CN=tester".into(),
            "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk".into(),
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==".into(),
            "Expect: 100-continue".into(),
            "Expect: x".into(),
        ] {
            self.with_lines(format!("{lines:.60}"), &lines);
        }
        for name in [
            "access_token",
            "token",
            "bearer",
            "jwt",
            "id_token",
            "Authorization",
            "assertion",
        ] {
            self.with_target("GET", &format!("{PATH}?{name}={token}"), None, "");
            self.with_target("GET", &format!("{PATH}?{name}=Bearer%20{token}"), None, "");
            let body = form(&[(name, &token)]);
            self.with_target("POST", PATH, None, &body);
        }
    }

    /// Ways past the path's guard: with no token, and with one that may not do what is asked.
    fn paths(&mut self) {
        let prefix = "/workflowapi";
        let operation = "/deletescheme/x";
        let mut targets = Vec::new();
        let whole = format!("{prefix}{operation}");
        for (at, byte) in whole.bytes().enumerate() {
            let (before, behind) = (&whole[..at], &whole[at + 1..]);
            targets.push(format!("{before}%{byte:02x}{behind}"));
            targets.push(format!("{before}%25{byte:02x}{behind}"));
            if byte.is_ascii_lowercase() {
                targets.push(format!(
                    "{before}{}{behind}",
                    char::from(byte.to_ascii_uppercase())
                ));
            }
        }
        for trick in [
            "/../",
            "/./",
            "//",
            "/.//",
            "/%2e/",
            "/%2e%2e/",
            "/.%2e/",
            "/..;/",
            "/;/",
            "/;x=y/",
            "%2f",
            "%2F",
            "%5c",
            "\\",
            "/\\",
            "/%00/",
            "/%0d%0a/",
            "/%20/",
            "/x/../",
            "/x/%2e%2e/",
            "/..%2f",
            "/%252e%252e/",
            "/%c0%ae%c0%ae/",
            "/%e2%80%a5/",
            "/?/",
            "/%3f/",
            "/%23/",
            "/*/",
        ] {
            targets.push(format!("{prefix}{trick}{}", &operation[1..]));
            targets.push(format!("/public{trick}workflowapi{operation}"));
            targets.push(format!("/.well-known{trick}workflowapi{operation}"));
            targets.push(format!("/connect/token{trick}..{whole}"));
            targets.push(format!("{trick}workflowapi{operation}"));
        }
        for query in [
            "operation=deletescheme",
            "OPERATION=deletescheme",
            "operation=getschemelist&operation=deletescheme",
            "operation=deletescheme&operation=getschemelist",
            "%6fperation=deletescheme",
            "operation=%64eletescheme",
            "operation[]=deletescheme",
            "operation=DeleteScheme",
            "operation=deletescheme%00",
            "operation=deletescheme&Operation=getschemelist",
            "x=1;operation=deletescheme&operation=deletescheme",
        ] {
            targets.push(format!("{prefix}?{query}"));
            targets.push(format!("{prefix}/?{query}"));
        }
        let (reader, narrow) = (self.reader.clone(), self.narrow.clone());
        for target in targets {
            // A space or a byte that no request line may have would only be another attack twice.
            self.with_target("GET", &target, None, "");
            // The engine's operation must not be reached with rights for others: neither by a
            // client without this operation nor by one without the scope.
            self.with_target("POST", &target, Some(&narrow), "");
            if !target.contains("getschemelist") && !target.contains("=deletescheme;") {
                self.with_target("POST", &target, Some(&reader), "");
            }
        }
        for method in [
            "CONNECT", "TRACE", "TRACK", "DEBUG", "PROPFIND", "get", "G\tET", "PURGE", "PRI",
        ] {
            self.with_target(method, PATH, None, "");
        }
        let host = self.host.clone();
        for target in [
            format!("https://{host}{PATH}"),
            format!("http://{host}{PATH}"),
            format!("https://evil.example{PATH}"),
            format!("https://{host}@evil.example{PATH}"),
            host.clone(),
            "*".to_owned(),
            PATH[1..].to_owned(),
        ] {
            self.with_target("GET", &target, None, "");
        }
    }

    /// Two readers of one connection see different requests; the second one has no token.
    fn framings(&mut self) {
        let host = &self.host.clone();
        let inner = format!("GET {PATH} HTTP/1.1\r\nHost: {host}\r\nX: y\r\n\r\n");
        let length = inner.len();
        let frames = [
            format!(
                "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
            ),
            format!(
                "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{length:x}\r\n{inner}\r\n0\r\n\r\n"
            ),
            format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"),
            format!("Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{inner}"),
            format!("Content-Length: 0, {length}\r\n\r\n{inner}"),
            format!("Content-Length: +{length}\r\n\r\n{inner}"),
            format!("Content-Length: -1\r\n\r\n{inner}"),
            format!("Content-Length: 0x{length:x}\r\n\r\n{inner}"),
            format!("Content-Length : {length}\r\n\r\n{inner}"),
            format!("Content-Length:\r\n {length}\r\n\r\n{inner}"),
            format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{inner}"),
            format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}"),
            format!("Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n{inner}"),
            format!("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{inner}"),
            format!("Transfer-Encoding:\u{b}chunked\r\nContent-Length: 0\r\n\r\n{inner}"),
            format!("Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n{inner}"),
            format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n{inner}"),
            format!("X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n{inner}"),
            format!("X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
            format!("X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
            format!("Transfer-Encoding: chunked\r\n\r\n0\n\n{inner}"),
            format!("Transfer-Encoding: chunked\r\n\r\n0;a=\n{inner}\r\n\r\n"),
            format!(
                "Transfer-Encoding: chunked\r\n\r\n00000000000000000000{length:x}\r\n{inner}\r\n0\r\n\r\n"
            ),
            format!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{inner}\r\n0\r\n\r\n"),
            format!("Transfer-Encoding: chunked\r\n\r\n-1\r\n{inner}\r\n0\r\n\r\n"),
            format!(
                "Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: Bearer {}\r\n\r\n{inner}",
                self.token
            ),
            format!("Connection: Content-Length\r\nContent-Length: {length}\r\n\r\n{inner}"),
            format!("Host: evil.example\r\nContent-Length: {length}\r\n\r\n{inner}"),
        ];
        let token = self.token.clone();
        for frame in frames {
            for (line, host_line) in [
                (format!("POST {PATH} HTTP/1.1"), format!("Host: {host}\r\n")),
                (format!("POST {PATH} HTTP/1.0"), format!("Host: {host}\r\n")),
                (format!("POST {PATH} HTTP/1.1"), String::new()),
                (
                    format!("POST {PATH} HTTP/1.1"),
                    format!("Host: {host}\r\nHost: {host}\r\n"),
                ),
                (
                    "POST /connect/token HTTP/1.1".to_owned(),
                    format!("Host: {host}\r\n"),
                ),
                (
                    "GET /.well-known/jwks HTTP/1.1".to_owned(),
                    format!("Host: {host}\r\n"),
                ),
            ] {
                let name = format!("{line} {frame:.40}");
                self.add(name, format!("{line}\r\n{host_line}{frame}"));
            }
        }
        for bytes in [
            format!("GET {PATH}\r\n\r\n"),
            format!("GET  {PATH} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("GET {PATH} HTTP/1.1\nHost: {host}\n\n"),
            format!("GET {PATH} HTTP/9.9\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"),
            format!("GET {PATH} HTTP/2.0\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"),
            format!("GET {PATH} http/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"),
            format!(
                "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\0\r\n\r\n"
            ),
            format!(
                "GET {PATH}\0 HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
            ),
            format!(
                "GET {PATH} HTTP/1.1\r\nHost: {host}, evil.example\r\nAuthorization: Bearer {token}\r\n\r\n"
            ),
            format!("GET {PATH} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n"),
            format!("GET {PATH} HTTP/1.1\r\nHost: a b\r\nAuthorization: Bearer {token}\r\n\r\n"),
            format!(
                "GET https://evil.example{PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
            ),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "\u{16}\u{3}\u{1}".to_owned(),
        ] {
            self.add(format!("{bytes:.60}"), bytes);
        }
    }
}

async fn scene() -> (Sidecar, Recorder, Workshop) {
    let recorder = Recorder::start().await;
    let (reader, narrow) = (secrets::new_secret(), secrets::new_secret());
    let setup = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({
            "OpenIddictServerSettings": { "CertificateFile": "signing.pem" },
            "Routes": [
                { "Prefix": "/workflowapi" },
                { "Prefix": "/public", "Methods": ["PUT"], "Scopes": "Public" },
            ],
            // So that no attack is refused only because of those before it, nor waits long for
            // a body that never comes.
            "Limits": {
                "BearerFailures": "1000000/s burst 1000000",
                "SecretFailures": "1000000/s burst 1000000",
                "Header": "2s", "FormBody": "2s", "Idle": "2s"
            },
        }))
        .with_client(json!({
            "ClientId": "reader", "ClientSecret": reader, "Operations": ["getschemelist"]
        }))
        .with_client(json!({
            "ClientId": "narrow", "ClientSecret": narrow, "Scopes": ["reports"]
        }));
    Material::shared_signing().write_pem(&setup.path("signing.pem"));
    let sidecar = setup.sidecar().await;
    let token = sidecar.token().await;
    let jwks = sidecar.client.get("/.well-known/jwks").send().await;
    let jwk = jwks.expect(200).json()["keys"][0].clone();
    let mut workshop = Workshop {
        host: sidecar.client.authority(),
        forger: Forger::new(Material::shared_signing()),
        header: header_of(&token),
        claims: claims_of(&token),
        narrow: sidecar.token_of("narrow", &narrow).await,
        reader: sidecar.token_of("reader", &reader).await,
        token,
        attacks: Vec::new(),
    };
    workshop.algorithms(&jwk);
    workshop.claims();
    workshop.spellings();
    workshop.places();
    workshop.paths();
    workshop.framings();
    (sidecar, recorder, workshop)
}

/// Sends it on a connection of its own; every answer that comes must refuse.
async fn strike(client: Client, attack: Attack) -> Option<String> {
    let mut raw = Raw::connect(&client).await;
    raw.write(&attack.bytes).await;
    let answers = raw.rest().await;
    let mut statuses = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|answer| answer.get(..3)?.parse::<u16>().ok());
    // What is public is answered: key set and metadata.
    let public = answers.contains("\"keys\":[");
    let passed = statuses.find(|status| (200..300).contains(status) && !public);
    passed.map(|status| format!("{}: {status}\n{answers}", attack.name))
}

#[tokio::test]
async fn a_thousand_attacks_reach_nothing() {
    let (sidecar, recorder, workshop) = scene().await;
    let count = workshop.attacks.len();
    assert!(count >= 1000, "{count} attacks");
    // The workshop's good token is good, or nothing would be proved.
    let call = sidecar.client.get(PATH).bearer(&workshop.token);
    call.send().await.expect(200);
    let passed_before = recorder.seen().len();
    assert_eq!(passed_before, 1);

    let client = &sidecar.client;
    let mut waiting = workshop.attacks.into_iter();
    let mut under_way = JoinSet::new();
    let mut successes = Vec::new();
    loop {
        while under_way.len() < LANES
            && let Some(attack) = waiting.next()
        {
            under_way.spawn(strike(client.clone(), attack));
        }
        match under_way.join_next().await {
            Some(struck) => successes.extend(struck.expect("no panic")),
            None => break,
        }
    }
    let reached = recorder.seen().split_off(passed_before);
    println!("{count} attacks, {} reached the engine", reached.len());
    assert!(reached.is_empty(), "{reached:#?}");
    assert!(successes.is_empty(), "{}", successes.join("\n"));
    assert!(
        sidecar
            .client
            .get(PATH)
            .bearer(&workshop.token)
            .send()
            .await
            .status
            == 200
    );
}
