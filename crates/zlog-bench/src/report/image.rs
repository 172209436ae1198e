//! Draws a report: throughput and latencies of each handler.

use super::Report;
use super::render::describe;
use crate::plot::{HandlerChart, HandlerFigures};

/// The chart of a report's handlers.
pub fn image(report: &Report) -> HandlerChart {
    let (machine, date) = (&report.machine, &report.date);
    HandlerChart {
        title: format!("What a log call costs: {}", describe(&report.settings)),
        remark: format!("{machine}, {date}"),
        warnings: report.remarks(),
        measured: report
            .handlers
            .iter()
            .map(|row| HandlerFigures {
                name: row.name.clone(),
                rate: row.figures.as_ref().map(|figures| figures.calls_per_second),
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
        assert_eq!(file.rate, Some(crate::stats::Spread { low: 90.0, median: 100.0, high: 110.0 }));
        assert!(!file.latency.is_empty());
        assert_eq!((smtp.rate, smtp.latency.as_slice()), (None, &[][..]));
        assert!(image.title.contains("messages of 100 bytes"), "{}", image.title);
        let svg = image.render(crate::plot::ImageFormat::Svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        assert!(svg.contains("smtp: failed: mail.invalid: connection refused"), "{svg}");
    }
}
