//! libzmq functions that the `zmq` crate lacks or calls in a way that can panic. One thin
//! wrapper each.
//!
//! The crate panics on an unknown `errno`, and `bind` and `connect` can return any errno of
//! the system (`ENOTDIR` for an ipc path below a file), so both are called here.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::io;

use crate::socket::endpoint::to_bytes;

/// libzmq's own error numbers start here.
const HAUSNUMERO: c_int = 156_384_712;

/// The error number of a failed call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Errno(c_int);

impl Errno {
    /// The error of the last failed libzmq call of this thread.
    fn last() -> Errno {
        // SAFETY: takes no argument and reads a thread-local number.
        Errno(unsafe { zmq_sys::zmq_errno() })
    }

    pub(super) fn kind(self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.0).kind()
    }

    pub(super) fn is(self, error: zmq::Error) -> bool {
        self.0 == error.to_raw()
    }
}

impl From<c_int> for Errno {
    fn from(number: c_int) -> Errno {
        Errno(number)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < HAUSNUMERO {
            let text = io::Error::from_raw_os_error(self.0).to_string();
            let text = text.strip_suffix(&format!(" (os error {})", self.0)).unwrap_or(&text);
            return f.write_str(&text.to_lowercase());
        }
        // SAFETY: zmq_strerror returns a static, NUL-terminated string for any number.
        let text = unsafe { CStr::from_ptr(zmq_sys::zmq_strerror(self.0)) };
        f.write_str(&text.to_string_lossy())
    }
}

/// Sets an integer option.
pub(super) fn set_int(socket: &mut zmq::Socket, option: u32, value: c_int) -> Result<(), Errno> {
    let value: *const c_int = &value;
    // SAFETY: the socket is alive; libzmq reads one int from `value` during the call.
    let rc = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            c_int::try_from(option).unwrap_or(-1),
            value.cast::<c_void>(),
            size_of::<c_int>(),
        )
    };
    if rc == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Sends a frame, and copies it. `zmq::Socket::send` makes a message of it first, which takes a
/// third more time.
pub(super) fn send(socket: &mut zmq::Socket, frame: &[u8], flags: c_int) -> Result<(), Errno> {
    // SAFETY: the socket is alive; libzmq reads the frame during the call only.
    let rc = unsafe {
        zmq_sys::zmq_send(socket.as_mut_ptr(), frame.as_ptr().cast(), frame.len(), flags)
    };
    if rc >= 0 { Ok(()) } else { Err(Errno::last()) }
}

type Call = unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int;

fn call(socket: &mut zmq::Socket, endpoint: &str, function: Call) -> Result<(), Errno> {
    let Ok(endpoint) = CString::new(to_bytes(endpoint)) else {
        return Err(Errno(zmq::Error::EINVAL.to_raw()));
    };
    // SAFETY: the socket is alive; libzmq copies the NUL-terminated endpoint.
    let rc = unsafe { function(socket.as_mut_ptr(), endpoint.as_ptr()) };
    if rc == 0 { Ok(()) } else { Err(Errno::last()) }
}

pub(super) fn bind(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    call(socket, endpoint, zmq_sys::zmq_bind)
}

pub(super) fn connect(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    call(socket, endpoint, zmq_sys::zmq_connect)
}

/// Whether this machine has a network interface of this name. Always true on Windows, where
/// libzmq accepts names that the system does not know.
pub(super) fn is_interface(name: &str) -> bool {
    #[cfg(unix)]
    // SAFETY: the name is NUL-terminated, and only read.
    return CString::new(name)
        .is_ok_and(|name| unsafe { libc::if_nametoindex(name.as_ptr()) } != 0);
    #[cfg(not(unix))]
    true
}

pub(super) fn disconnect(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    call(socket, endpoint, zmq_sys::zmq_disconnect)
}

/// One message frame. Unlike the crate's message, it keeps its bytes when a send fails, so
/// that the send can be repeated.
pub(super) struct Frame(zmq_sys::zmq_msg_t);

impl Frame {
    pub(super) fn new() -> Frame {
        let mut message = zmq_sys::zmq_msg_t::default();
        // SAFETY: initializes the given message; zmq_msg_init never fails.
        unsafe { zmq_sys::zmq_msg_init(&mut message) };
        Frame(message)
    }

    /// Receives the next frame without waiting, and replaces the previous content. Returns
    /// whether another frame of the same message follows.
    pub(super) fn recv(&mut self, socket: &mut zmq::Socket) -> Result<bool, Errno> {
        // SAFETY: both are alive; the message is initialized, and stays so.
        let rc = unsafe {
            zmq_sys::zmq_msg_recv(&mut self.0, socket.as_mut_ptr(), zmq_sys::ZMQ_DONTWAIT as c_int)
        };
        if rc < 0 {
            return Err(Errno::last());
        }
        // SAFETY: the message is initialized.
        Ok(unsafe { zmq_sys::zmq_msg_more(&self.0) } != 0)
    }

    /// Sends the frame; waits up to `ZMQ_SNDTIMEO`. On success the frame is empty, on
    /// failure unchanged.
    pub(super) fn send(&mut self, socket: &mut zmq::Socket, more: bool) -> Result<(), Errno> {
        let flags = if more { zmq_sys::ZMQ_SNDMORE } else { 0 };
        // SAFETY: both are alive; the message is initialized, and stays so.
        let rc = unsafe { zmq_sys::zmq_msg_send(&mut self.0, socket.as_mut_ptr(), flags as c_int) };
        if rc < 0 { Err(Errno::last()) } else { Ok(()) }
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: the message is initialized, and only read.
        unsafe { zmq_sys::zmq_msg_size(&self.0) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let message = std::ptr::from_ref(&self.0).cast_mut();
        // SAFETY: the message is initialized, and neither call changes it. Its bytes live as
        // long as the message, and nothing writes to them.
        unsafe {
            let data = zmq_sys::zmq_msg_data(message).cast::<u8>().cast_const();
            let size = zmq_sys::zmq_msg_size(message);
            if size == 0 { &[] } else { std::slice::from_raw_parts(data, size) }
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: the message is initialized, and never used again.
        unsafe { zmq_sys::zmq_msg_close(&mut self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_that_the_zmq_crate_does_not_know_is_an_error_and_not_a_panic() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::XPUB).expect("socket");
        let below = format!("ipc://{}/x.sock", file.path().display());
        let errno = bind(&mut socket, &below).expect_err("a path below a file");
        assert_eq!(errno.to_string(), "not a directory");
        assert!(bind(&mut socket, "ipc://a\0b").is_err());
    }

    #[test]
    fn libzmqs_own_errors_are_shown_as_text() {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::XPUB).expect("socket");
        let errno = bind(&mut socket, "udp://127.0.0.1:1").expect_err("not for XPUB");
        assert!(errno.to_string().contains("not compatible"), "{errno}");
    }
}
