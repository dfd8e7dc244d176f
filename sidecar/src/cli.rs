//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use sidecar::keys::HashAlgorithm;

/// A reverse-proxy auth sidecar: TLS, OAuth client credentials, bearer validation, hot reload.
#[derive(Debug, Parser)]
#[command(name = "sidecar", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) source: ConfigArguments,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArguments {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value_os_t = crate::default_config())]
    pub(crate) config: PathBuf,
    /// Sets one key over the file's value; may be given several times.
    #[arg(long, global = true, value_name = "KEY.PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves until SIGTERM; SIGHUP reads the configuration again (the default).
    Run,
    /// Shows everything that is wrong with a configuration; exit code 1 if anything is.
    Check(Check),
    /// Prints the JSON schema of config.json, for editors.
    Schema,
    /// Prints an access token, for use with curl.
    Token(Token),
    /// Prints the hash of a secret that is read from standard input, for `ClientSecrets[].Hash`.
    HashSecret(HashSecret),
    /// Shows the keys that sign tokens, or adds the next one.
    Keys(Keys),
    /// Shows or changes the deny list of the sidecar that runs here, through its admin.sock.
    #[command(subcommand)]
    Deny(Deny),
    /// Asks the admin listener whether it is ready; exit code 1 if not.
    Health(Health),
    /// Waits until the sidecar is ready.
    Wait(Wait),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Deny {
    /// Prints every entry, by where it is kept.
    List,
    /// Refuses the tokens that have everything that is named; returns when that is on the disk.
    Add(Denial),
    /// Takes an entry back that was added, or a revocation.
    Remove(Denial),
}

#[derive(Args, Debug, Default)]
pub(crate) struct Denial {
    /// Id of one token (`jti`).
    #[arg(long, value_name = "JTI")]
    pub(crate) token: Option<String>,
    /// Client that a token was issued to.
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,
    /// Subject that it speaks of.
    #[arg(long, value_name = "SUB")]
    pub(crate) subject: Option<String>,
    /// Id of the key that signed it (`kid`).
    #[arg(long, value_name = "KID")]
    pub(crate) key: Option<String>,
    /// Issuer; any, if none is named.
    #[arg(long, value_name = "ISS")]
    pub(crate) issuer: Option<String>,
    /// Tokens issued before it: a time such as 2031-01-31T12:00:00Z, or `now`.
    #[arg(long, value_name = "TIME")]
    pub(crate) issued_before: Option<String>,
    /// When the entry itself ends: a time, or a duration from now such as 24h.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The file to check instead of the one of --config.
    pub(crate) file: Option<PathBuf>,
    /// Warnings count as errors.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Token {
    /// The server's base URL instead of the configuration's; the client is the configuration's.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Which client of the configuration; the first one if none is named.
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,
    /// The scope to ask for; the client's own if none is named.
    #[arg(long)]
    pub(crate) scope: Option<String>,
    /// Certificates to trust, in PEM; without it the configuration's own and the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Lists them: id, algorithm, where each is in its life. Nothing private is shown.
    List,
    /// Adds the next key to the data folder; a running sidecar notices.
    Rotate {
        /// It signs at once. Whoever has cached the key set refuses its tokens until the cache is
        /// over; meant for a key that is no longer secret.
        #[arg(long)]
        now: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct HashSecret {
    /// How it is hashed.
    #[arg(long, default_value = "argon2id", value_parser = algorithm)]
    pub(crate) algorithm: HashAlgorithm,
}

fn algorithm(text: &str) -> Result<HashAlgorithm, String> {
    let mut known = HashAlgorithm::ALL.into_iter();
    known.find(|one| one.name() == text).ok_or_else(|| {
        let names = HashAlgorithm::ALL.map(HashAlgorithm::name);
        format!("one of {}", names.join(", "))
    })
}

#[derive(Args, Debug)]
pub(crate) struct Health {
    /// The admin listener's base URL instead of the configuration's.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Asks whether it is alive instead.
    #[arg(long)]
    pub(crate) live: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Wait {
    /// The admin listener's base URL instead of the configuration's.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// How long at most, such as 30s or 2m.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    settings::scalar::duration(text).ok_or_else(|| "write it as 500ms, 30s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn configuration_arguments_stand_before_and_after_a_command() {
        for words in [
            ["sidecar", "--config", "a.json", "--set", "B=1", "run"],
            ["sidecar", "run", "--config", "a.json", "--set", "B=1"],
        ] {
            let cli = Cli::try_parse_from(words).unwrap();
            assert_eq!(cli.source.config, PathBuf::from("a.json"));
            assert_eq!(cli.source.set, ["B=1"]);
            assert!(matches!(cli.command, Some(Command::Run)));
        }
        let cli = Cli::try_parse_from(["sidecar"]).unwrap();
        assert_eq!(cli.source.config, PathBuf::from("config.json"));
        assert!(cli.command.is_none());
    }
}
