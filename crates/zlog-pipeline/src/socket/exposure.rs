//! Refuses to bind beyond loopback without encryption.

use super::endpoint::Endpoint;
use zlog_core::{Error, Result};

/// Checks the endpoints to bind. `insecure` allows all of them.
///
/// # Errors
/// Other machines can reach an endpoint, or its host can't be looked up.
pub(super) fn check(endpoints: &[Endpoint], insecure: bool) -> Result<()> {
    if insecure {
        return Ok(());
    }
    for endpoint in endpoints {
        if endpoint.is_exposed()? {
            return Err(refused(endpoint));
        }
    }
    Ok(())
}

fn refused(endpoint: &Endpoint) -> Error {
    let what = "other machines can reach it, and nothing is encrypted";
    Error::new(format!("can't bind {endpoint}: {what}")).hint(
        "Make a key with `zlog keygen`, to encrypt; or, on a network that you trust, add --insecure \
         (to a handler the key insecure; in a file insecure = true).",
    )
}
