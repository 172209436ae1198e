//! The few rules of gRPC that OTLP needs: a message after five bytes, and a status after the answer.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use bytes::Bytes;

/// The path of the call that sends logs.
pub(crate) const PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// The content type of a call.
pub(crate) const CONTENT_TYPE: &str = "application/grpc";

/// A message as it is sent; `None` if it has 4 GiB or more.
pub(crate) fn framed(message: &[u8], is_compressed: bool) -> Option<Vec<u8>> {
    let length = u32::try_from(message.len()).ok()?;
    let mut out = Vec::with_capacity(message.len() + 5);
    out.push(is_compressed.into());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(message);
    Some(out)
}

/// The only message of a body, and whether it is compressed; `None` if the body is anything else.
pub(crate) fn message(body: &Bytes) -> Option<(Bytes, bool)> {
    let [is_compressed @ (0 | 1), length @ ..] = *body.first_chunk::<5>()? else { return None };
    let message = body.slice(5..);
    (message.len() == u32::from_be_bytes(length) as usize).then_some((message, is_compressed == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_one_whole_message() {
        let body = Bytes::from(framed(b"hello", true).unwrap());
        assert_eq!(message(&body), Some((Bytes::from_static(b"hello"), true)));
        for bad in [body.slice(..9), body.slice(..4), Bytes::from([&body[..], b"x"].concat())] {
            assert_eq!(message(&bad), None);
        }
        assert_eq!(message(&Bytes::from_static(&[2, 0, 0, 0, 0])), None);
    }
}
