//! A small HTTP load generator for loopback: one thread (one for each large upload), readiness polling, keep-alive.
//!
//! Client and server share the machine's cores, so the client is kept as cheap as it can be: the less it
//! takes, the more of a ratio is the servers' own. It prints one line of JSON per run.

#![forbid(unsafe_code)]

mod answer;
mod arguments;
mod large;
mod noise;
mod pieces;
mod pool;
mod slices;
mod small;
mod tally;
mod watcher;

use std::process::ExitCode;

use arguments::Arguments;

const USAGE: &str = "\
usage: load COMMAND HOST:PORT [--option value]...
  get     --targets FILE [--connections 1] [--count N | --seconds S]    fetch each line's target in turn
          [--expect BYTES]                                              ... and end with an error if a body has another length
  files   --list FILE [--connections 8]                                 PUT local files; lines: target, tab, local path
  put     --count N --size BYTES --text FILE --tag WORD [--prefix /]    PUT slices of a text
          [--connections 8] [--rate N/s] [--sample N --search TARGET]   ... and time a sample until a search finds it
  tus     --count N --size BYTES --text FILE --tag WORD [--prefix /]    tus creation-with-upload of such slices
  send    --target T --bytes N --seed N [--form NAME]                   one large PUT, or multipart POST of a file NAME
  pieces  --target T --bytes N --piece BYTES --seed N [--uploads 1]     large tus uploads in PATCHes of a size, so many at once
  receive --target T                                                    one large GET";

fn main() -> ExitCode {
    let Some(arguments) = Arguments::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = match arguments.command.as_str() {
        "get" => small::get(&arguments),
        "files" => small::files(&arguments),
        "put" => small::put(&arguments),
        "tus" => small::tus(&arguments),
        "send" => large::send(&arguments),
        "pieces" => pieces::pieces(&arguments),
        "receive" => large::receive(&arguments),
        other => Err(format!("there is no command {other:?}\n{USAGE}").into()),
    };
    match outcome {
        Ok(tally) => {
            println!("{}", tally.to_json());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
