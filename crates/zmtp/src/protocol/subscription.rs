//! What a subscriber sends: subscriptions, and the answers to PING.

use super::command::{self, Command};
use super::frame::Frames;
use super::scanner::Item;
use crate::disconnect::Disconnect;

/// What a subscriber has sent.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum FromSubscriber<'a> {
    /// A subscription to a prefix (`true`) or its end.
    Subscription(bool, &'a [u8]),
    /// A PING with this context.
    Ping(&'a [u8]),
    /// Nothing to act on.
    Other,
}

/// Reads an item of a subscriber, whose bytes start at `bytes`. Subscriptions come as commands
/// from peers of ZMTP 3.1, and as messages that begin with 1 or 0 from those of 3.0.
///
/// # Errors
/// It is a message that is no subscription.
pub(crate) fn read(item: Item, bytes: &[u8]) -> Result<FromSubscriber<'_>, Disconnect> {
    match item {
        Item::Command { len, body } => Ok(match command::parse(&bytes[body..len])? {
            Command::Subscribe(prefix) => FromSubscriber::Subscription(true, prefix),
            Command::Cancel(prefix) => FromSubscriber::Subscription(false, prefix),
            Command::Ping(context) => FromSubscriber::Ping(context),
            _ => FromSubscriber::Other,
        }),
        Item::Message(len) => {
            let mut frames = Frames(&bytes[..len]);
            match (frames.next().and_then(<[u8]>::split_first), frames.next()) {
                (Some((&first @ (0 | 1), prefix)), None) => {
                    Ok(FromSubscriber::Subscription(first == 1, prefix))
                }
                _ => Err(Disconnect::NotASubscription),
            }
        }
    }
}
