//! Calls that the `zmq` crate lacks, or makes in a way that can panic.
//!
//! What may be here: one thin function for each such call, and nothing that decides.
//!
//! The crate turns an `errno` that it has not heard of into a panic, and binding
//! or connecting can meet any that the system has (`ENOTDIR` for an ipc path
//! below a file): so these two come here.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::io;

/// Error numbers from here on are libzmq's own.
const HAUSNUMERO: c_int = 156_384_712;

/// Why a call failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Errno(c_int);

impl Errno {
    /// The reason of the call that has just failed on this thread.
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
            let text = text.split(" (os error").next().unwrap_or_default();
            return f.write_str(&text.to_lowercase());
        }
        // SAFETY: zmq_strerror returns a static, NUL-terminated string for any number.
        let text = unsafe { CStr::from_ptr(zmq_sys::zmq_strerror(self.0)) };
        f.write_str(&text.to_string_lossy())
    }
}

/// Sets an option that the crate has no method for.
pub(super) fn set_int(socket: &mut zmq::Socket, option: u32, value: c_int) -> Result<(), Errno> {
    let value: *const c_int = &value;
    // SAFETY: the socket is alive, and libzmq reads one int from `value` and keeps nothing.
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

type Call = unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int;

fn call(socket: &mut zmq::Socket, endpoint: &str, function: Call) -> Result<(), Errno> {
    let Ok(endpoint) = CString::new(endpoint) else {
        return Err(Errno(zmq::Error::EINVAL.to_raw()));
    };
    // SAFETY: the socket is alive, and libzmq copies the NUL-terminated endpoint.
    let rc = unsafe { function(socket.as_mut_ptr(), endpoint.as_ptr()) };
    if rc == 0 { Ok(()) } else { Err(Errno::last()) }
}

pub(super) fn bind(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    call(socket, endpoint, zmq_sys::zmq_bind)
}

pub(super) fn connect(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    call(socket, endpoint, zmq_sys::zmq_connect)
}

/// Whether a network interface of this machine has this name. Elsewhere than on Unix
/// libzmq knows names that the system does not: there each may be one.
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

/// One frame. A send that fails leaves it as it was, so that it can be sent again;
/// the crate's own drops it.
pub(super) struct Frame(zmq_sys::zmq_msg_t);

impl Frame {
    pub(super) fn new() -> Frame {
        let mut message = zmq_sys::zmq_msg_t::default();
        // SAFETY: initializes the message that it is given; libzmq's can't fail.
        unsafe { zmq_sys::zmq_msg_init(&mut message) };
        Frame(message)
    }

    /// Takes the next frame, without waiting, in place of what it held. Returns
    /// whether another one of the same message follows.
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

    /// Sends it, as long as the socket's send time-out says. It is empty afterwards,
    /// unless sending failed.
    pub(super) fn send(&mut self, socket: &mut zmq::Socket, more: bool) -> Result<(), Errno> {
        let flags = if more { zmq_sys::ZMQ_SNDMORE } else { 0 };
        // SAFETY: both are alive; the message is initialized, and stays so.
        let rc = unsafe { zmq_sys::zmq_msg_send(&mut self.0, socket.as_mut_ptr(), flags as c_int) };
        if rc < 0 { Err(Errno::last()) } else { Ok(()) }
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: the message is initialized, and is only looked at.
        unsafe { zmq_sys::zmq_msg_size(&self.0) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let message = std::ptr::from_ref(&self.0).cast_mut();
        // SAFETY: the message is initialized, and neither call changes it; its bytes
        // live as long as it does, and nobody writes to them.
        unsafe {
            let data = zmq_sys::zmq_msg_data(message).cast::<u8>().cast_const();
            let size = zmq_sys::zmq_msg_size(message);
            if size == 0 { &[] } else { std::slice::from_raw_parts(data, size) }
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: the message is initialized, and is not used any more.
        unsafe { zmq_sys::zmq_msg_close(&mut self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_the_crate_does_not_know_is_an_error_and_no_panic() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::XPUB).expect("socket");
        let below = format!("ipc://{}/x.sock", file.path().display());
        let errno = bind(&mut socket, &below).expect_err("a path below a file");
        assert_eq!(errno.to_string(), "not a directory");
        assert!(bind(&mut socket, "ipc://a\0b").is_err());
    }

    #[test]
    fn libzmqs_own_reasons_are_in_words() {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::XPUB).expect("socket");
        let errno = bind(&mut socket, "udp://127.0.0.1:1").expect_err("not for XPUB");
        assert!(errno.to_string().contains("not compatible"), "{errno}");
    }
}
