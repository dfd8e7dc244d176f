//! `TrustedProxies`: who may say for whom it forwards. `ForwardAuth` rests on it.

use std::net::IpAddr;

use ipnet::IpNet;
use settings::{Fault, Object, Reading};

use super::{RouteSettings, routes};

/// Addresses that are believed about whom they forward for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Of these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether `address` is listed. An IPv4 address is the same in its IPv6 form.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether nobody is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `object` is the root.
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let mut networks = Vec::new();
        for text in object.texts(reading, "TrustedProxies").unwrap_or_default() {
            let parsed = text.value.parse::<IpNet>();
            let parsed = parsed.or_else(|_| text.value.parse::<IpAddr>().map(IpNet::from));
            match parsed {
                Ok(network) if network.addr() != network.network() => reading.faults.push(
                    Fault::error(
                        text.mark,
                        format!("{} names an address inside its network", text.shown()),
                    )
                    .label("which of the two is meant?")
                    .help(format!("the network is `{}`", network.trunc())),
                ),
                Ok(network) => {
                    if network.prefix_len() == 0 {
                        reading.faults.push(
                            Fault::warning(text.mark, "every address is a trusted proxy")
                                .label("so anybody may say that it is anybody"),
                        );
                    }
                    networks.push(network);
                }
                Err(_) => reading.faults.push(
                    Fault::error(text.mark, format!("{} is no network", text.shown()))
                        .label("not a network")
                        .help("an address, or a network such as `10.0.0.0/8` or `fd00::/8`"),
                ),
            }
        }
        Self(networks)
    }
}

/// The gate judges for other proxies, which must be listed to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// What may be asked about; `None`: the routes that are forwarded.
    pub routes: Option<Vec<RouteSettings>>,
}

impl ForwardAuth {
    /// `root` is the root, `shadow` is `Policy.Shadow`; `None`: nobody is answered.
    pub(super) fn read(
        root: &Object<'_>,
        proxies: &TrustedProxies,
        shadow: bool,
        reading: &mut Reading,
    ) -> Option<Self> {
        let mark = root.value_mark("ForwardAuth")?;
        let object = root.object(reading, "ForwardAuth");
        if proxies.is_empty() && !reading.faults.has_errors() {
            reading.faults.push(
                Fault::error(
                    mark,
                    "`ForwardAuth` without `TrustedProxies` answers nobody",
                )
                .label("on")
                .help("list the addresses of the proxies that ask"),
            );
        }
        let own = object.key_mark("Routes").is_some();
        let routes = own.then(|| routes::read(&object, shadow, reading));
        if let (Some([]), Some(mark)) = (routes.as_deref(), object.value_mark("Routes")) {
            reading.faults.push(
                Fault::error(mark, "nothing could be asked about")
                    .label("`ForwardAuth.Routes` is empty")
                    .help("leave it out for `Routes`"),
            );
        }
        Some(Self { routes })
    }
}
