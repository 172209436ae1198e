//! Draws one record with all of its fields.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Theme;
use super::widgets::lag;
use crate::command::top::model::{Group, Model};
use crate::command::top::screen::Screen;
use zlog_core::Record;
use zlog_core::format::{TimeFormat, zone};
use zlog_core::text::escape::escape;
use zlog_core::text::width::{broken, fit};

/// The columns of the names of fields.
const NAMES: usize = 12;

/// Draws the record that is chosen.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    screen: &mut Screen,
    theme: Theme,
) {
    let Some(detail) = &mut screen.detail else { return };
    let records = detail.records(model);
    let title = match &detail.watched {
        Some(watched) => {
            let what = match watched.group {
                Group::Topic => "topic",
                Group::Level => "level",
                Group::Source => "source",
            };
            format!("Newest records of {what} {}", escape(&watched.name))
        }
        None => "Error".to_owned(),
    };
    let width = usize::from(area.width);
    let record = detail.record.as_ref().or_else(|| records.front());
    let lines = match record {
        Some(record) => fields_of(record, width, theme),
        None => vec![Line::styled("  waits for a record", theme.dim())],
    };
    let height = usize::from(area.height).saturating_sub(1);
    detail.scroll = detail.scroll.min(lines.len().saturating_sub(height));
    let title = Line::styled(fit(&title, width, width / 3), theme.bold());
    let shown = lines.into_iter().skip(detail.scroll).take(height);
    let shown: Vec<Line<'_>> = std::iter::once(title).chain(shown).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

/// The fields that a record has, in lines of `width` columns.
fn fields_of<'l>(record: &Record<'_>, width: usize, theme: Theme) -> Vec<Line<'l>> {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: Option<&str>| {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        let name = fit(&escape(name), NAMES, 0);
        let rows = value
            .lines()
            .flat_map(|line| broken(&escape(line), width.saturating_sub(NAMES + 2).max(1)));
        for (number, row) in rows.enumerate() {
            let name = if number == 0 { &*name } else { "" };
            let style = match (number, name) {
                (_, "level") => theme.level(Some(record.level)),
                _ => theme.plain(),
            };
            lines.push(Line::from(vec![
                Span::styled(format!("{name:>NAMES$}  "), theme.dim()),
                Span::styled(row, style),
            ]));
        }
    };
    let named = |number: Option<i64>, name: Option<&str>| match (number, name) {
        (Some(number), Some(name)) => Some(format!("{number} {name}")),
        (None, Some(name)) => Some(name.to_owned()),
        (number, None) => number.map(|number| number.to_string()),
    };
    let place = record.pathname.as_deref().or(record.filename.as_deref());
    let place = place.map(|path| match record.lineno {
        Some(line) => format!("{path}:{line}"),
        None => path.to_owned(),
    });
    let behind = record.received.zip(record.created);
    let behind = behind.map(|(received, created)| lag((received - created) as f32));
    add("message", Some(&record.message()));
    add("level", Some(&record.level_name()));
    add("topic", Some(&record.topic));
    add("time", record.time().map(|time| format(time, "%Y-%m-%d %H:%M:%S.%6f")).as_deref());
    add("lag", behind.as_deref());
    add("logger", record.name.as_deref());
    add("source", record.source.as_deref());
    add("seq", record.seq.map(|seq| seq.to_string()).as_deref());
    add("host", record.hostname.as_deref());
    add("process", named(record.process, record.process_name.as_deref()).as_deref());
    add("thread", named(record.thread, record.thread_name.as_deref()).as_deref());
    add("task", record.task_name.as_deref());
    add("at", place.as_deref());
    add("function", record.func_name.as_deref());
    add("fault", record.fault.as_deref());
    for (name, value) in &record.extras {
        add(name, Some(&value.0));
    }
    add("traceback", record.exc_text.as_deref());
    add("stack", record.stack_info.as_deref());
    lines
}

/// The time of day, for lists.
pub(super) fn time_of(seconds: f64) -> String {
    format(seconds, "%H:%M:%S.%3f")
}

/// A time in this machine's zone.
fn format(seconds: f64, format: &str) -> String {
    let mut out = Vec::new();
    match TimeFormat::new(format, zone(false)) {
        Ok(mut format) => format.write(seconds, &mut out),
        Err(_) => return seconds.to_string(),
    }
    String::from_utf8_lossy(&out).into_owned()
}
