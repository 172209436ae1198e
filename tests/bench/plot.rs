//! `zlog bench --plot`: images of any figures, whatever things are called.

use proptest::prelude::*;
use tiny_skia::Pixmap;
use zlog_bench::plot::{
    HandlerChart, HandlerFigures, ImageFormat, Line, Panel, Point, SIZE, SweepChart, Unit,
};
use zlog_bench::stats::Spread;

/// Names that could break out of an SVG, or out of the place that they have.
const HOSTILE: [&str; 4] = [
    "</text><script>alert(1)</script>",
    "\x1b[2J\x00\u{202e}gnp.exe",
    "&lt;]]>\"'",
    "a name that is far too long for the place that it has",
];

fn range(median: f64) -> Spread {
    Spread { low: median * 0.9, median, high: median * 1.1 }
}

/// The latencies of a handler whose calls take about `nanos`.
fn latency(nanos: f64) -> Vec<(f64, u64)> {
    let steps = [(0.0, 0.8), (0.5, 1.0), (0.75, 1.1), (0.9, 1.4), (0.99, 3.0), (0.999, 12.0)];
    let mut curve: Vec<(f64, u64)> =
        steps.map(|(share, times)| (share, (nanos * times) as u64)).to_vec();
    curve.push((1.0, (nanos * 90.0) as u64));
    curve
}

fn handlers(measured: Vec<HandlerFigures>) -> HandlerChart {
    HandlerChart {
        title: "What a log call costs".into(),
        remark: "a test".into(),
        warnings: vec!["pub-tcp: 12 records were LOST".into()],
        measured,
    }
}

fn measured(name: &str, rate: f64) -> HandlerFigures {
    HandlerFigures { name: name.into(), rate: Some(range(rate)), latency: latency(1e9 / rate) }
}

/// The handlers of a real report, and one that could not be measured.
fn usual() -> HandlerChart {
    let rates = [
        ("file", 560e3),
        ("file-sync", 1.9e3),
        ("rotating", 420e3),
        ("smtp", 2.4e3),
        ("pub-inproc", 880e3),
        ("pub-ipc", 810e3),
        ("pub-tcp", 790e3),
        ("queue-file", 1.5e6),
        ("null", 2.9e6),
    ];
    let mut all: Vec<HandlerFigures> =
        rates.iter().map(|(name, rate)| measured(name, *rate)).collect();
    all.insert(8, HandlerFigures { name: "queue-smtp".into(), rate: None, latency: Vec::new() });
    handlers(all)
}

fn growth(names: &[&str]) -> SweepChart {
    let lines = |base: f64, slope: f64| {
        names
            .iter()
            .zip(1..)
            .map(|(name, at)| Line {
                is_baseline: false,
                name: (*name).into(),
                points: [10.0, 100.0, 1000.0, 10_000.0, 100_000.0f64]
                    .map(|x| Point { x, y: range(base / f64::from(at) * x.powf(slope)) })
                    .to_vec(),
            })
            .collect()
    };
    let panel = |title: &str, x, y, base, slope| Panel {
        title: title.into(),
        x,
        y,
        lines: lines(base, slope),
    };
    SweepChart {
        title: "How the cost of the pipeline grows".into(),
        remark: "a test".into(),
        warnings: vec!["tcp json: 12 records were LOST".into(), "<b>\u{1b}[2J</b>".into()],
        panels: vec![
            panel("records per second by message size", Unit::Bytes, Unit::Count, 1e6, -0.3),
            panel("records per second by subscribers", Unit::Count, Unit::Count, 9e5, -0.6),
            panel("CPU seconds a million by size", Unit::Bytes, Unit::Plain, 0.7, 0.25),
        ],
    }
}

fn svg(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap();
    roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
    text
}

/// The texts of an image.
fn words(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect()
}

/// A PNG as pixels: of the promised size, white, and not empty.
fn png(bytes: &[u8]) -> Pixmap {
    let pixels = Pixmap::decode_png(bytes).unwrap();
    assert_eq!((pixels.width(), pixels.height()), SIZE);
    assert!(pixels.pixels().iter().all(|pixel| pixel.alpha() == 255), "nothing shines through");
    let corner = pixels.pixel(0, 0).unwrap();
    assert_eq!((corner.red(), corner.green(), corner.blue()), (255, 255, 255));
    assert!(ink(&pixels) > 5_000, "only {} pixels are drawn", ink(&pixels));
    pixels
}

fn ink(pixels: &Pixmap) -> usize {
    pixels.pixels().iter().filter(|pixel| pixel.red() < 128 || pixel.green() < 128).count()
}

/// Where a person looks at what is drawn: `ZLOG_PLOTS=DIR cargo test bench::plot`.
fn keep(name: &str, bytes: &[u8]) {
    if let Some(directory) = std::env::var_os("ZLOG_PLOTS") {
        std::fs::write(std::path::Path::new(&directory).join(name), bytes).unwrap();
    }
}

#[test]
fn every_handler_is_named_in_both_halves_and_one_that_failed_is_named_too() {
    let plot = usual();
    let bytes = plot.render(ImageFormat::Svg).unwrap();
    keep("handlers.svg", &bytes);
    let words = words(&svg(bytes));
    for one in &plot.measured {
        let times = words.iter().filter(|word| **word == one.name).count();
        assert_eq!(times, if one.rate.is_some() { 2 } else { 1 }, "{}: {words:?}", one.name);
    }
    assert!(words.contains(&"not measured".to_owned()) && words.contains(&"560k".to_owned()));
    assert!(words.contains(&"99.9 %".to_owned()) && words.contains(&"1 µs".to_owned()));
}

#[test]
fn a_png_has_words_without_any_font_of_the_system() {
    let bytes = usual().render(ImageFormat::Png).unwrap();
    keep("handlers.png", &bytes);
    let with = png(&bytes);
    let mut nameless = usual();
    nameless.measured.iter_mut().for_each(|one| one.name.clear());
    let without = png(&nameless.render(ImageFormat::Png).unwrap());
    assert!(ink(&with) > ink(&without) + 500, "names are drawn");
}

#[test]
fn other_figures_make_another_image_and_the_same_ones_the_same() {
    for format in [ImageFormat::Svg, ImageFormat::Png] {
        let draw = |rate| handlers(vec![measured("file", rate)]).render(format).unwrap();
        assert_eq!(draw(1e5), draw(1e5));
        assert_ne!(draw(1e5), draw(1.5e5));
    }
}

#[test]
fn growth_has_a_panel_for_each_setting_and_a_name_for_each_line() {
    let names = ["zlog tcp json", "zlog tcp text", "zlog ipc json", "libzmq tcp", "libzmq ipc"];
    let plot = growth(&names);
    let bytes = plot.render(ImageFormat::Png).unwrap();
    keep("growth.png", &bytes);
    png(&bytes);
    let words = words(&svg(plot.render(ImageFormat::Svg).unwrap()));
    for name in names {
        assert_eq!(words.iter().filter(|word| **word == name).count(), plot.panels.len(), "{name}");
    }
    for panel in &plot.panels {
        assert!(words.contains(&panel.title), "{words:?}");
    }
    assert!(words.contains(&"9.77 KiB".to_owned()), "the settings that were measured: {words:?}");
}

#[test]
fn a_line_without_points_is_named_in_brackets() {
    let mut plot = growth(&["zlog", "libzmq"]);
    plot.panels[0].lines[1].points.clear();
    assert!(words(&svg(plot.render(ImageFormat::Svg).unwrap())).contains(&"(libzmq)".to_owned()));
}

#[test]
fn names_from_outside_stay_text() {
    let all = HOSTILE.iter().map(|name| measured(name, 1e5)).collect();
    let plot =
        HandlerChart { title: HOSTILE[0].into(), remark: HOSTILE[1].into(), ..handlers(all) };
    let text = svg(plot.render(ImageFormat::Svg).unwrap());
    assert!(!text.contains("<script") && !text.contains(char::from(0x1b)), "{text}");
    png(&plot.render(ImageFormat::Png).unwrap());
    let text = svg(growth(&HOSTILE).render(ImageFormat::Svg).unwrap());
    assert!(!text.contains("<script"), "{text}");
}

fn sweep(panels: Vec<Panel>) -> SweepChart {
    SweepChart { title: String::new(), remark: String::new(), warnings: Vec::new(), panels }
}

#[test]
fn warnings_are_in_the_image_and_cover_nothing() {
    let words = words(&svg(usual().render(ImageFormat::Svg).unwrap()));
    assert!(words.iter().any(|word| word == "pub-tcp: 12 records were LOST"), "{words:?}");
    let text = svg(growth(&["a", "b"]).render(ImageFormat::Svg).unwrap());
    assert!(text.contains("tcp json: 12 records were LOST") && !text.contains("<b>"), "{text}");
    // The lowest text of a chart is above the first warning.
    let document = roxmltree::Document::parse(&text).unwrap();
    let height = |node: roxmltree::Node<'_, '_>| node.attribute("y")?.parse::<f64>().ok();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    let (warnings, charts): (Vec<_>, Vec<_>) = texts
        .filter_map(|node| Some((node.text()?.trim().to_owned(), height(node)?)))
        .partition(|(text, _)| text.contains("LOST") || text.contains("[2J"));
    let top = warnings.iter().map(|(_, y)| *y).fold(f64::MAX, f64::min);
    assert_eq!(warnings.len(), 2);
    assert!(charts.iter().all(|(_, y)| *y < top), "{top}: {charts:?}");
}

#[test]
fn nothing_at_all_can_be_drawn_too() {
    let empty = sweep(Vec::new());
    svg(empty.render(ImageFormat::Svg).unwrap());
    svg(handlers(Vec::new()).render(ImageFormat::Svg).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_figures_make_a_well_formed_image(
        rates in prop::collection::vec(prop::array::uniform3(any::<f64>()), 0..14),
        curve in prop::collection::vec((any::<f64>(), any::<u64>()), 0..10),
        name in "\\PC{0,30}",
    ) {
        let measured = rates.iter().map(|[low, median, high]| HandlerFigures {
            name: name.clone(),
            rate: Some(Spread { low: *low, median: *median, high: *high }),
            latency: curve.clone(),
        });
        svg(handlers(measured.collect()).render(ImageFormat::Svg).unwrap());
        let points = rates.iter().map(|[low, median, high]| Point {
            x: *low,
            y: Spread { low: *low, median: *median, high: *high },
        });
        let line = Line { name, is_baseline: false, points: points.collect() };
        let panel =
            Panel { title: String::new(), x: Unit::Plain, y: Unit::Count, lines: vec![line] };
        let plot = sweep(vec![panel]);
        svg(plot.render(ImageFormat::Svg).unwrap());
    }
}
