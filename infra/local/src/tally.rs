//! Counts tests by what their runners say.

/// How many tests passed and how many did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Adds what one line of a runner's output says: nextest's summary or libtest's result.
    pub(crate) fn read(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some((head, counts)) = line.split_once(" run: ")
            && line.trim_start().starts_with("Summary")
            && (head.ends_with("tests") || head.ends_with("test"))
        {
            self.add(counts, ',');
        } else if let Some(counts) = line.trim_start().strip_prefix("test result: ") {
            self.add(counts, ';');
        }
    }

    fn add(&mut self, counts: &str, separator: char) {
        for part in counts.split(separator) {
            // `ok. 12 passed`, `1 passed (1 slow)`, `2 timed out`
            let mut words = part.split_whitespace().skip_while(|word| word.parse::<u64>().is_err());
            let Some(count) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
                continue;
            };
            match (words.next(), words.next()) {
                (Some("passed"), _) => self.passed += count,
                (Some("failed"), _) | (Some("timed"), Some("out")) | (Some("exec"), Some("failed")) => {
                    self.failed += count
                }
                _ => {}
            }
        }
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_code, remaining)| remaining);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        tally
    }

    #[test]
    fn the_summary_of_nextest_is_counted() {
        let line = "     Summary [   1.203s] 14 tests run: 11 passed (1 slow), 2 failed, 1 timed out, 5 skipped";
        assert_eq!(counted(&[line]), Tally { passed: 11, failed: 3 });
        assert_eq!(
            counted(&["     Summary [   0.003s] 1 test run: 1 passed, 0 skipped"]),
            Tally { passed: 1, failed: 0 }
        );
    }

    #[test]
    fn the_summary_is_counted_through_its_colours() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.017s] \u{1b}[1m3\u{1b}[0m tests run: \u{1b}[1m3\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m";
        assert_eq!(counted(&[line]), Tally { passed: 3, failed: 0 });
    }

    #[test]
    fn the_results_of_several_test_programs_add_up() {
        let lines = [
            "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test a_test_that_passed ... ok",
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ];
        assert_eq!(counted(&lines), Tally { passed: 15, failed: 1 });
    }

    #[test]
    fn a_line_that_a_test_printed_is_not_counted() {
        assert_eq!(counted(&["we had 5 tests run: 9 passed", "12 passed"]), Tally::default());
    }
}
