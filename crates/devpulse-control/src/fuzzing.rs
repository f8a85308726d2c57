//! What must be true of anything that comes over the socket. `fuzz/` calls this with what
//! it makes up, `tests/corpus.rs` with what it found.

use bytes::BytesMut;
use tokio_util::codec::Decoder as _;

use crate::frame::{MAX_FRAME_BYTES, codec};
use crate::message::{Hello, ReplyFrame, RequestFrame, decode};
use crate::request::Request;

/// Frames are bounded, and a request that is understood means the same when it is said again.
pub fn frames(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    let mut codec = codec();
    while let Ok(Some(frame)) = codec.decode(&mut buffer) {
        assert!(frame.len() <= MAX_FRAME_BYTES);
        message(&frame);
    }
}

/// What one frame holds.
pub fn message(frame: &[u8]) {
    drop(decode::<Hello>(frame));
    drop(decode::<ReplyFrame>(frame));
    let Ok(received) = decode::<RequestFrame>(frame) else { return };
    let Ok(request) = Request::parse(&received.request, received.params.as_deref()) else { return };
    let again = RequestFrame::encode(received.id, &request).expect("a request can be written");
    let again: RequestFrame = decode(&again).expect("what was written can be read");
    assert_eq!((again.id, &again.request), (received.id, &received.request));
    let request = Request::parse(&again.request, again.params.as_deref());
    assert!(request.is_ok(), "a request was not understood when it was said again");
}
