//! The standard output behind a thread of its own: a reader that stalls (Ctrl-S, a pager, a
//! network) must not hold up a run, least of all its undo.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How many lines may wait for a slow reader.
const WAITING: usize = 4096;
/// How long the last lines are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes that never block. Lines that a stalled reader has no room for are counted and dropped.
pub struct Outlet {
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    dropped: u64,
}

impl Outlet {
    /// An outlet to the standard output.
    ///
    /// # Errors
    /// The thread can't be started.
    pub fn open() -> io::Result<Outlet> {
        Outlet::over(io::stdout())
    }

    fn over(mut out: impl Write + Send + 'static) -> io::Result<Outlet> {
        let (lines, waiting) = sync_channel::<Vec<u8>>(WAITING);
        let writer = thread::Builder::new().name("lines".to_owned()).spawn(move || {
            for line in waiting {
                // a closed output ends the thread, and the next write tells
                if out.write_all(&line).and_then(|()| out.flush()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Outlet { lines: Some(lines), writer: Some(writer), dropped: 0 })
    }
}

impl Write for Outlet {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let Some(lines) = &self.lines else { return Err(io::ErrorKind::BrokenPipe.into()) };
        if self.dropped > 0
            && lines.try_send(format!("({} pieces of output were dropped: nobody read)\n", self.dropped).into_bytes()).is_ok()
        {
            self.dropped = 0;
        }
        match lines.try_send(text.to_vec()) {
            Ok(()) => Ok(text.len()),
            Err(TrySendError::Full(_)) => {
                self.dropped += 1;
                Ok(text.len())
            }
            Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.lines = None;
        let Some(writer) = self.writer.take() else { return };
        for _ in 0..PATIENCE.as_millis() / 5 {
            if writer.is_finished() {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    /// A reader that takes nothing until it is told to, like a terminal after Ctrl-S.
    struct Stalled(Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn outlet_should_never_wait_for_a_reader() {
        let (go, stalled) = channel();
        let mut outlet = Outlet::over(Stalled(stalled)).unwrap();
        for _ in 0..WAITING * 2 {
            outlet.write_all(b"line\n").unwrap();
        }
        assert!(outlet.dropped > 0);
        drop(go);
    }

    #[test]
    fn outlet_should_tell_that_its_reader_is_gone() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut outlet = Outlet::over(Gone).unwrap();
        let told = (0..1_000_000).any(|_| outlet.write(b"line\n").is_err());
        assert!(told);
    }
}
