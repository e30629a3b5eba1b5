//! What the person at the terminal sees: phases with their time, a spinner on a terminal, plain lines elsewhere.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::trouble::Trouble;

/// Without a terminal a phase that lasts says so this often.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Writes to the terminal.
#[derive(Debug)]
pub(crate) struct Report {
    began: Instant,
    terminal: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), terminal: io::stderr().is_terminal() }
    }

    /// Time since the command began.
    pub(crate) fn total(&self) -> Duration {
        self.began.elapsed()
    }

    /// One line of the result.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        // A closed pipe (`| head`) is no reason to leave the stack half started.
        let _ = writeln!(io::stdout(), "{}", text.as_ref());
    }

    /// The one line that says why the command failed.
    pub(crate) fn failure(&self, trouble: &Trouble) {
        let _ = writeln!(io::stderr(), "error: {trouble}");
    }

    /// Shows that something goes on until the phase is done or dropped.
    pub(crate) fn phase(&self, title: impl Into<String>) -> Phase {
        Phase::begin(title.into(), self.terminal)
    }
}

/// Something that takes a while.
#[derive(Debug)]
pub(crate) struct Phase {
    title: String,
    began: Instant,
    spinner: Option<ProgressBar>,
    state: RefCell<String>,
}

impl Phase {
    fn begin(title: String, terminal: bool) -> Self {
        let spinner = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_prefix(title.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if spinner.is_none() {
            let _ = writeln!(io::stderr(), "   {title} …");
        }
        Self { title, began: Instant::now(), spinner, state: RefCell::default() }
    }

    /// Works on it; without a terminal it says every ten seconds how far it is.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(HEARTBEAT, &mut work).await {
                Ok(outcome) => return outcome,
                Err(_still_at_it) if self.spinner.is_none() => {
                    let took = seconds(self.began.elapsed());
                    let _ = writeln!(io::stderr(), "   {} … {} ({took})", self.title, self.state.borrow());
                }
                Err(_still_at_it) => {}
            }
        }
    }

    /// How far it is.
    pub(crate) fn now(&self, state: &str) {
        match &self.spinner {
            Some(bar) => bar.set_message(state.to_owned()),
            None => {
                self.state.replace(state.to_owned());
            }
        }
    }

    /// Ends the phase well.
    pub(crate) fn done(self, outcome: &str) {
        let gap = if outcome.is_empty() { "" } else { ": " };
        let text = format!("ok {}{gap}{outcome} ({})", self.title, seconds(self.began.elapsed()));
        match &self.spinner {
            Some(bar) => bar.suspend(|| {
                let _ = writeln!(io::stderr(), "{text}");
            }),
            None => {
                let _ = writeln!(io::stderr(), "{text}");
            }
        }
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if let Some(bar) = &self.spinner {
            bar.finish_and_clear();
        }
    }
}

/// `0.4 s`, `12.3 s`, `2 min 03 s`.
pub(crate) fn seconds(time: Duration) -> String {
    if time.as_secs() < 100 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_are_shown_in_tenths_and_long_ones_in_minutes() {
        assert_eq!(seconds(Duration::from_millis(430)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(123)), "2 min 03 s");
    }
}
