//! The door: who connects, and what they say.

use std::io::{self, BufRead, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secrecy::zeroize::Zeroize;

use super::Wake;
use crate::runner::protocol::Numbered;

/// Bytes that the longest password takes in a line.
const ROOM: usize = 16 << 10;

/// Lets everybody in who may come, until the runner ends.
pub(super) fn accept(listener: UnixListener, wake: Sender<Wake>) -> io::Result<()> {
    thread::Builder::new().name("door".into()).spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let number = number as u64;
            if !is_ours(&stream) {
                continue;
            }
            let (Ok(reader), Ok(())) = (stream.try_clone(), stream.set_write_timeout(Some(Duration::from_secs(5))))
            else {
                continue;
            };
            if wake.send(Wake::Connected(number, stream)).is_err() {
                return;
            }
            let wake = wake.clone();
            let _ = thread::Builder::new().name("ear".into()).spawn(move || listen(number, reader, &wake));
        }
    })?;
    Ok(())
}

/// Only the user whose runner this is, and root, may talk to it.
fn is_ours(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid())
}

/// Tells whether the other side has closed, or its process has ended, whatever of it is not yet read.
pub(super) fn has_hung_up(stream: &UnixStream) -> bool {
    let mut line = [PollFd::new(stream, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut line, Some(&now)).is_ok_and(|ready| ready == 1)
}

fn listen(number: u64, stream: UnixStream, wake: &Sender<Wake>) {
    let mut reader = BufReader::new(stream);
    // One piece of memory for all lines: what was typed is wiped there before the next line comes.
    let mut line = Vec::with_capacity(ROOM);
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let said = serde_json::from_slice::<Numbered>(&line);
        line.zeroize();
        let Ok(said) = said else { break };
        if wake.send(Wake::Said(number, said)).is_err() {
            return;
        }
    }
    let _ = wake.send(Wake::Gone(number));
}
