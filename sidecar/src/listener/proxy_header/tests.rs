use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn client(text: &str) -> Source {
    Source::Client(text.parse().unwrap())
}

/// Version 2, of this command, family and content.
fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend(rest);
    bytes
}

fn of_client(source: SocketAddr, extras: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    let family = match source.ip() {
        IpAddr::V4(address) => {
            rest.extend(address.octets());
            rest.extend([192, 0, 2, 9]);
            0x11
        }
        IpAddr::V6(address) => {
            rest.extend(address.octets());
            rest.extend([0xfd; 16]);
            0x21
        }
    };
    rest.extend(source.port().to_be_bytes());
    rest.extend(443_u16.to_be_bytes());
    rest.extend(extras);
    header(0x21, family, &rest)
}

#[test]
fn a_line_names_the_client_in_one_spelling() {
    let whole = |line: &str, source| Scan::Whole {
        length: line.len(),
        source,
    };
    for (line, source) in [
        (
            "PROXY TCP4 198.51.100.1 192.0.2.2 4711 443\r\n",
            client("198.51.100.1:4711"),
        ),
        (
            "PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n",
            client("[2001:db8::1]:0"),
        ),
        ("PROXY UNKNOWN\r\n", Source::Proxy),
        ("PROXY UNKNOWN what ever\r\n", Source::Proxy),
    ] {
        assert_eq!(scan(line.as_bytes()), whole(line, source), "{line:?}");
    }
    for line in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.2 4711\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.2 4711 443 \r\n",
        "PROXY TCP4  198.51.100.1 192.0.2.2 4711 443\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.2 4711 443\n",
        "PROXY TCP4 198.51.100.1 192.0.2.2 04711 443\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.2 +1 443\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.2 4711 65536\r\n",
        "PROXY TCP4 198.51.100.01 192.0.2.2 4711 443\r\n",
        "PROXY TCP4 198.51.100.1 nobody 4711 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 4711 443\r\n",
        "PROXY TCP6 198.51.100.1 192.0.2.2 4711 443\r\n",
        "PROXY TCP5 198.51.100.1 192.0.2.2 4711 443\r\n",
        "PROXY tcp4 198.51.100.1 192.0.2.2 4711 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY / HTTP/1.1\r\n",
        "PROXY TCP4 \u{663}.0.0.1 192.0.2.2 4711 443\r\n",
    ] {
        assert_eq!(scan(line.as_bytes()), Scan::Malformed, "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(LINE_MAX));
    assert_eq!(scan(endless.as_bytes()), Scan::Malformed);
}

#[test]
fn a_binary_header_names_the_client() {
    let extras = [0x04, 0, 2, 7, 7, 0x01, 0, 0];
    let peer = "198.51.100.1:4711".parse().unwrap();
    let unix = [7; 216];
    for (bytes, source) in [
        (of_client(peer, &[]), Source::Client(peer)),
        (of_client(peer, &extras), Source::Client(peer)),
        (
            of_client("[2001:db8::1]:1".parse().unwrap(), &extras),
            client("[2001:db8::1]:1"),
        ),
        // LOCAL, whatever is said besides.
        (header(0x20, 0x00, &[]), Source::Proxy),
        (header(0x20, 0x11, &[1, 2, 3]), Source::Proxy),
        (header(0x21, 0x00, &extras), Source::Proxy),
        (header(0x21, 0x31, &unix), Source::Proxy),
    ] {
        let length = bytes.len();
        assert_eq!(scan(&bytes), Scan::Whole { length, source }, "{bytes:x?}");
    }
    for (what, bytes) in [
        ("another version", header(0x11, 0x11, &[0; 12])),
        ("another command", header(0x22, 0x11, &[0; 12])),
        ("another family", header(0x21, 0x41, &[0; 12])),
        ("another protocol", header(0x21, 0x13, &[0; 12])),
        ("a datagram", header(0x21, 0x12, &[0; 12])),
        ("half an address", header(0x21, 0x11, &[0; 11])),
        ("a short IPv6 address", header(0x21, 0x21, &[0; 35])),
        ("a short path", header(0x21, 0x31, &[0; 215])),
        ("extras cut off", of_client(peer, &[1, 0, 9, 0])),
        ("half an extra", of_client(peer, &[1, 0])),
        ("too long", header(0x21, 0x11, &[0; HEADER_MAX])),
    ] {
        assert_eq!(scan(&bytes), Scan::Malformed, "{what}");
    }
}

#[test]
fn what_clients_send_first_is_no_header() {
    for bytes in [
        &b"\x16\x03\x01"[..],
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b"PUT",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROPFIND / HTTP/1.1\r\n",
        b"proxy TCP4",
        b"\r\nGET / HTTP/1.1\r\n",
        b"\r\n\r\n\0\r\nQUIZ",
        b"\0",
    ] {
        assert_eq!(scan(bytes), Scan::Absent, "{bytes:?}");
    }
}

fn sources() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(SocketAddr::from),
        (any::<[u8; 16]>(), any::<u16>()).prop_map(SocketAddr::from),
    ]
}

fn lines(source: SocketAddr) -> Vec<u8> {
    let (family, other) = match source.ip() {
        IpAddr::V4(_) => ("TCP4", "192.0.2.9"),
        IpAddr::V6(_) => ("TCP6", "2001:db8::9"),
    };
    let (ip, port) = (source.ip(), source.port());
    format!("PROXY {family} {ip} {other} {port} 443\r\n").into_bytes()
}

proptest! {
    #[test]
    fn a_header_is_read_as_it_was_written_whatever_follows(
        source in sources(),
        binary: bool,
        after in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = if binary { of_client(source, &[]) } else { lines(source) };
        let length = bytes.len();
        // Until it is whole nothing is decided.
        for cut in 0..length {
            prop_assert_eq!(scan(&bytes[..cut]), Scan::More);
        }
        bytes.extend(after);
        prop_assert_eq!(scan(&bytes), Scan::Whole { length, source: Source::Client(source) });
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_a_header_is_no_longer_than_it_may(
        start in prop_oneof![
            Just(Vec::new()), Just(SIGNATURE.to_vec()), Just(LINE.to_vec()),
            Just(b"PROXY TCP4 ".to_vec()), Just([SIGNATURE.as_slice(), &[0x21, 0x11, 0]].concat()),
        ],
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, rest].concat();
        if let Scan::Whole { length, .. } = scan(&bytes) {
            prop_assert!(length <= bytes.len() && length <= HEADER_MAX);
        }
    }
}

/// What is taken from a connection on which `pieces` come one after the other, and what is left.
async fn taken(pieces: &[&[u8]]) -> (Result<Option<Source>, Fault>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sender = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    sender.set_nodelay(true).unwrap();
    let (mut tcp, _) = listener.accept().await.unwrap();
    let sending = async move {
        for piece in pieces {
            sender.write_all(piece).await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    };
    let (found, ()) = tokio::join!(take(&mut tcp), sending);
    let mut left = Vec::new();
    if found.is_ok() {
        tcp.read_to_end(&mut left).await.unwrap();
    }
    (found, left)
}

#[tokio::test]
async fn what_follows_the_header_stays_where_it_was() {
    let line = b"PROXY TCP4 198.51.100.1 192.0.2.2 4711 443\r\n";
    let binary = of_client("198.51.100.1:4711".parse().unwrap(), &[]);
    let request = &b"POST / HTTP/1.1\r\n\r\n"[..];
    let bytes: Vec<&[u8]> = line.chunks(1).collect();
    let (found, left) = taken(&[&bytes[..], &[request]].concat()).await;
    assert_eq!(found.unwrap(), Some(client("198.51.100.1:4711")));
    assert_eq!(left, request);
    let (first, second) = binary.split_at(14);
    let (found, left) = taken(&[first, &[second, request].concat()]).await;
    assert_eq!(found.unwrap(), Some(client("198.51.100.1:4711")));
    assert_eq!(left, request);
    let (found, left) = taken(&[b"P", b"O", &request[2..]]).await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(left, request);
    // Who leaves early is nobody's client.
    assert_eq!(taken(&[]).await.0.unwrap(), None);
    assert_eq!(taken(&[b"PROX"]).await.0.unwrap(), None);
    let (refused, _) = taken(&[b"PROXY nonsense\r\n"]).await;
    assert!(matches!(refused, Err(Fault::Malformed)));
}
