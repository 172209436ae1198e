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

/// A descriptor of libzmq's, to ask the system about it.
///
/// libzmq may have closed it by now, and another may have got its number: then the answer is
/// about that one.
#[cfg(unix)]
fn borrow(descriptor: c_int) -> Option<std::os::fd::BorrowedFd<'static>> {
    // SAFETY: it is only asked about; one that is not open fails with EBADF. -1 is none.
    (descriptor >= 0).then(|| unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) })
}

/// The address of the peer of a tcp connection; `None` if it has none.
#[cfg(unix)]
pub(super) fn peer_address(descriptor: c_int) -> Option<String> {
    let address = socket2::SockRef::from(&borrow(descriptor)?).peer_addr().ok()?;
    address.as_socket().map(|address| address.to_string())
}

/// Bytes that the system has received over a connection and that were not read.
#[cfg(unix)]
pub(super) fn unread(descriptor: c_int) -> u64 {
    borrow(descriptor).and_then(|fd| rustix::io::ioctl_fionread(fd).ok()).unwrap_or(0)
}

/// Bytes that the system has still to send over a connection.
#[cfg(unix)]
pub(super) fn unsent(descriptor: c_int) -> u64 {
    let mut bytes: c_int = 0;
    // SAFETY: writes one int to `bytes`; a descriptor that is not open fails with EBADF.
    let rc = unsafe { libc::ioctl(descriptor, libc::TIOCOUTQ, &mut bytes) };
    if rc == 0 { u64::try_from(bytes).unwrap_or(0) } else { 0 }
}

#[cfg(not(unix))]
pub(super) fn peer_address(_: c_int) -> Option<String> {
    None
}

#[cfg(not(unix))]
pub(super) fn unread(_: c_int) -> u64 {
    0
}

#[cfg(not(unix))]
pub(super) fn unsent(_: c_int) -> u64 {
    0
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

    /// A frame of bytes that are read where they are: libzmq drops `owner` when it has
    /// sent them, on a thread of its own.
    pub(super) fn shared<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Result<Frame, Errno> {
        unsafe extern "C" fn free<T>(_: *mut c_void, owner: *mut c_void) {
            // SAFETY: `owner` is the box below, which libzmq gives back once.
            drop(unsafe { Box::from_raw(owner.cast::<T>()) });
        }
        let owner = Box::into_raw(Box::new(owner));
        // SAFETY: the box is alive until `free`, and its bytes stay where they are.
        let bytes = unsafe { (*owner).as_ref() };
        let mut message = zmq_sys::zmq_msg_t::default();
        // SAFETY: initializes the message; libzmq only reads the bytes, until `free`.
        let rc = unsafe {
            zmq_sys::zmq_msg_init_data(
                &mut message,
                bytes.as_ptr().cast_mut().cast::<c_void>(),
                bytes.len(),
                Some(free::<T>),
                owner.cast::<c_void>(),
            )
        };
        if rc == 0 {
            return Ok(Frame(message));
        }
        let errno = Errno::last();
        // SAFETY: libzmq has not taken the box.
        drop(unsafe { Box::from_raw(owner) });
        Err(errno)
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
    fn shared_bytes_are_dropped_once_they_were_received_or_given_up() {
        struct Owner(std::sync::Arc<Vec<u8>>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let context = zmq::Context::new();
        let [mut one, mut two] = [0; 2].map(|_| context.socket(zmq::PAIR).expect("socket"));
        bind(&mut one, "inproc://shared").expect("bound");
        connect(&mut two, "inproc://shared").expect("connected");
        for size in [0, 1, 100_000] {
            let bytes = std::sync::Arc::new(vec![7; size]);
            drop(Frame::shared(Owner(bytes.clone())).expect("a frame"));
            assert_eq!(std::sync::Arc::strong_count(&bytes), 1);
            let mut frame = Frame::shared(Owner(bytes.clone())).expect("a frame");
            frame.send(&mut one, false).expect("sent");
            assert_eq!(std::sync::Arc::strong_count(&bytes), 2);
            assert_eq!(two.recv_bytes(0).expect("received"), *bytes);
            assert_eq!(std::sync::Arc::strong_count(&bytes), 1);
        }
    }

    #[test]
    fn libzmqs_own_reasons_are_in_words() {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::XPUB).expect("socket");
        let errno = bind(&mut socket, "udp://127.0.0.1:1").expect_err("not for XPUB");
        assert!(errno.to_string().contains("not compatible"), "{errno}");
    }
}
