//! A report as an image: what each handler gets through, and what its callers wait.

use super::Report;
use super::show::asked;
use crate::plot::{Handlers, Measured, Range};

/// The handlers of a report side by side.
pub fn image(report: &Report) -> Handlers {
    let (machine, date) = (&report.machine, &report.date);
    Handlers {
        title: format!("What a log call costs: {}", asked(&report.settings)),
        remark: format!("{machine}, {date}"),
        measured: report
            .handlers
            .iter()
            .map(|row| Measured {
                name: row.name.clone(),
                rate: row.figures.as_ref().map(|figures| Range::from(figures.calls_per_second)),
                latency: row
                    .figures
                    .as_ref()
                    .map(|figures| figures.latency_ns.distribution.clone())
                    .unwrap_or_default(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn every_handler_is_in_the_image_also_one_that_failed() {
        let image = image(&report());
        let names: Vec<_> = image.measured.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["file", "smtp", "null"]);
        let [file, smtp, _] = &image.measured[..] else { panic!("{image:?}") };
        assert_eq!(file.rate, Some(Range { low: 90.0, median: 100.0, high: 110.0 }));
        assert!(!file.latency.is_empty());
        assert_eq!((smtp.rate, smtp.latency.as_slice()), (None, &[][..]));
        assert!(image.title.contains("messages of 100 bytes"), "{}", image.title);
    }
}
