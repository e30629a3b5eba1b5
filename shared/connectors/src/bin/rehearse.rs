//! `cargo rehearse RECORDING…`: runs recorded orders through this build and tells what it would do otherwise. A recording
//! is the answer of `GET /v1/ops/recordings/{order_id}`. Ends with 1 where something differs, with 2 where a recording
//! cannot be read.

use std::io::{self, Write};
use std::process::ExitCode;

use crossdock_connectors::rehearsal::{Recording, Rehearsed, rehearse};

const USAGE: &str = "cargo rehearse RECORDING.json… (each the answer of GET /v1/ops/recordings/{order_id})";

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() || files.iter().any(|file| file.starts_with('-')) {
        let _ = writeln!(io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    }
    match run(&files, &mut io::stdout()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

/// How many orders would differ.
fn run(files: &[String], out: &mut impl Write) -> Result<usize, String> {
    let mut differing = 0;
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        let recording: Recording =
            serde_json::from_str(&text).map_err(|error| format!("{file} is no recording: {error}"))?;
        let rehearsed = rehearse(&recording).map_err(|error| format!("{file}: {error}"))?;
        differing += usize::from(!rehearsed.differences.is_empty());
        tell(&recording.order.to_string(), &rehearsed, out).map_err(|error| error.to_string())?;
    }
    writeln!(out, "{} of {} orders would go as they were recorded", files.len() - differing, files.len())
        .map_err(|error| error.to_string())?;
    Ok(differing)
}

fn tell(order: &str, rehearsed: &Rehearsed, out: &mut impl Write) -> io::Result<()> {
    let Rehearsed { deliveries, decisions, documents, commits, differences } = rehearsed;
    let done = format!("{deliveries} deliveries, {decisions} decisions, {documents} documents, {commits} commits");
    writeln!(out, "{order}: {done}, {} differences", differences.len())?;
    for difference in differences {
        let at = difference.seq.map_or_else(String::new, |seq| format!("commit {seq}: "));
        writeln!(out, "  {at}{}", difference.what)?;
        writeln!(out, "    recorded: {}", difference.recorded)?;
        writeln!(out, "    now:      {}", difference.now)?;
    }
    Ok(())
}
