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

pub(super) fn disconnect(socket: &mut zmq::Socket, endpoint: &str) -> Result<(), Errno> {
    call(socket, endpoint, zmq_sys::zmq_disconnect)
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
