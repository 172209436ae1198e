//! Endpoints under a name: `[endpoints]` of the user's file, and `@NAME` on the command line.

use std::collections::BTreeMap;

use crate::config::table_reader::TableReader;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;
use zlog_core::{Error, Result};
use zlog_pipeline::socket::{Endpoint, Role};

/// The character before a name on the command line.
pub const SIGN: char = '@';

/// Where a command binds and connects.
#[derive(Debug)]
pub struct Addresses<'a> {
    /// Endpoints to bind.
    pub bind: &'a mut Vec<String>,
    /// Endpoints to connect to.
    pub connect: &'a mut Vec<String>,
}

/// An endpoint as the file gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEndpoint {
    /// Whether to bind or to connect, if the file says so: `bind:tcp://…`.
    role: Option<Role>,
    address: String,
}

impl NamedEndpoint {
    fn parse(text: &str) -> Result<NamedEndpoint> {
        let (role, address) = match text.split_once(':') {
            Some(("bind", address)) => (Some(Role::Bind), address),
            Some(("connect", address)) => (Some(Role::Connect), address),
            _ => (None, text),
        };
        // As one to connect to unless it is bound: `*` and port 0 are for binding.
        Endpoint::parse(address, role.unwrap_or(Role::Connect))?;
        Ok(NamedEndpoint { role, address: address.to_owned() })
    }
}

impl std::fmt::Display for NamedEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let role = match self.role {
            Some(Role::Bind) => "bind:",
            Some(Role::Connect) => "connect:",
            None => "",
        };
        write!(f, "{role}{}", self.address)
    }
}

/// The endpoints of each name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedEndpoints(BTreeMap<String, Vec<NamedEndpoint>>);

impl NamedEndpoints {
    /// Reads `[endpoints]`: each key is a name, each value an endpoint or several in brackets.
    pub(super) fn read(document: &mut TableReader<'_>) -> NamedEndpoints {
        let Some(mut reader) = document.table("endpoints") else {
            return NamedEndpoints::default();
        };
        let mut names = BTreeMap::new();
        for (name, _) in reader.entries() {
            let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.value.is_empty() || !name.value.chars().all(fits) {
                let what = "a name has letters, digits, -, _ and . only";
                reader.error(name.offset, name.value, what, "");
            }
            let texts =
                reader.checked_list(name.value, |text| NamedEndpoint::parse(text).map(drop));
            let parsed = texts.iter().filter_map(|text| NamedEndpoint::parse(text).ok());
            names.insert(name.value.to_owned(), parsed.collect());
        }
        reader.finish(|_| None);
        NamedEndpoints(names)
    }

    /// All names with their endpoints.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[NamedEndpoint])> {
        self.0.iter().map(|(name, endpoints)| (&**name, &**endpoints))
    }

    /// The endpoints of a name.
    ///
    /// # Errors
    /// There is no such name.
    pub(super) fn find(&self, name: &str) -> Result<&[NamedEndpoint]> {
        if let Some(found) = self.0.get(name) {
            return Ok(found);
        }
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let error = Error::usage(format!("no endpoint is called @{}", escape(name)));
        let hint = match suggest(name, &names) {
            hint if hint.is_empty() => "`zlog config` lists the names.".to_owned(),
            hint => hint,
        };
        Err(error.hint(hint))
    }

    /// Replaces names by their endpoints.
    ///
    /// # Errors
    /// There is no such name, or the file says to bind what is to be connected to.
    pub fn resolve(&self, at: &mut Addresses<'_>) -> Result<()> {
        *at.bind = self.with_role(std::mem::take(at.bind), Role::Bind)?;
        *at.connect = self.with_role(std::mem::take(at.connect), Role::Connect)?;
        Ok(())
    }

    /// Adds the endpoints of a name. `default` is the role of one whose role the file does not
    /// say.
    ///
    /// # Errors
    /// There is no such name.
    pub fn add(&self, name: &str, at: &mut Addresses<'_>, default: Role) -> Result<()> {
        for endpoint in self.find(name)? {
            let texts = match endpoint.role.unwrap_or(default) {
                Role::Bind => &mut *at.bind,
                Role::Connect => &mut *at.connect,
            };
            texts.push(endpoint.address.clone());
        }
        Ok(())
    }

    /// `texts` with the endpoints of names, all for `role`.
    fn with_role(&self, texts: Vec<String>, role: Role) -> Result<Vec<String>> {
        let mut addresses = Vec::with_capacity(texts.len());
        for text in texts {
            let Some(name) = text.strip_prefix(SIGN) else {
                addresses.push(text);
                continue;
            };
            for endpoint in self.find(name)? {
                if endpoint.role.is_some_and(|own| own != role) {
                    let (own, option) = match role {
                        Role::Bind => ("connect to", "--connect"),
                        Role::Connect => ("bind", "--bind"),
                    };
                    let what = format!("@{} is an endpoint to {own}", escape(name));
                    return Err(Error::usage(what).hint(format!("Give it as {option} @{name}.")));
                }
                addresses.push(endpoint.address.clone());
            }
        }
        Ok(addresses)
    }
}
