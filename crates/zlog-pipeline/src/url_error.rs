//! What is wrong with a URL that a user typed.

use url::ParseError;

/// The cause, in words that fit after "it is no address: ".
pub(crate) fn cause(error: ParseError) -> String {
    match error {
        ParseError::RelativeUrlWithoutBase => {
            "it has no :// with the protocol before it".to_owned()
        }
        error => error.to_string(),
    }
}
