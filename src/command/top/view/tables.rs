//! Tables of topics, levels and sources, and lists of errors.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Theme;
use super::record::time_of;
use super::widgets::{lag, sparkline};
use crate::command::top::counts::{Counts, SECONDS};
use crate::command::top::model::{Group, Model};
use crate::command::top::screen::{Screen, id_of};
use crate::command::top::table::{Sort, contains};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{grouped, rate};
use zlog_core::text::prefix;
use zlog_core::text::width::{columns, fit};
use zlog_core::wire::topic;
use zlog_core::{Level, Record};

/// The columns of numbers, with their widths and what they sort by.
const NUMBERS: [(&str, usize, Sort); 4] = [
    ("RATE", 10, Sort::Rate),
    ("RECORDS", 12, Sort::Records),
    ("LOST", 8, Sort::Lost),
    ("LAG", 9, Sort::Lag),
];
/// A longer text is cut before it is measured.
const MAX_SHOWN: usize = 4096;

type Shown = Arc<Record<'static>>;

/// Draws the rows of a group.
pub(super) fn draw_names(
    frame: &mut Frame<'_>,
    area: Rect,
    (model, group): (&Model, Group),
    screen: &mut Screen,
    theme: Theme,
) {
    let width = usize::from(area.width);
    let numbers: usize = NUMBERS.iter().map(|(_, width, _)| width + 1).sum();
    let spark = (width.saturating_sub(numbers) / 3).min(SECONDS);
    let room = width.saturating_sub(numbers + spark + 1);
    let names = model.names(group);
    let rows = screen.order.rows(names, model.elapsed());
    let height = usize::from(area.height).saturating_sub(1);
    let (first, selected) = screen.selection().place(rows.len(), height, |at| rows[at].0);
    let mut lines = vec![Line::styled(titles(screen, group, spark), theme.bold())];
    for (at, (name, counts)) in rows.iter().enumerate().skip(first).take(height) {
        let history = counts.history(model.elapsed(), spark);
        let mut spans = numbers_of(counts, model, theme);
        spans.insert(1, Span::styled(format!("{} ", sparkline(&history, spark)), theme.spark()));
        let name = escape(name);
        let style = style_of(group, &name, theme);
        spans.push(Span::styled(fit(&name, room, room / 3), style));
        let line = Line::from(spans);
        lines.push(if selected == Some(at) { line.style(theme.selected()) } else { line });
    }
    if rows.is_empty() {
        lines.push(Line::styled(nothing(model, &screen.order.filter), theme.dim()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// What there is in place of rows.
fn nothing(model: &Model, filter: &str) -> &'static str {
    match (filter.is_empty(), model.endpoints.is_empty() || model.publishers() > 0) {
        (false, _) => "  nothing contains the filter; Esc clears it",
        (true, true) => "  connected; nothing has been published yet",
        (true, false) => "  no publisher is connected yet",
    }
}

fn titles(screen: &Screen, group: Group, spark: usize) -> String {
    let arrow = |sort: Sort| match (screen.order.sort == sort, screen.order.is_reversed) {
        (false, _) => "",
        (true, false) => "▼",
        (true, true) => "▲",
    };
    let number = |at: usize| {
        let (title, width, sort) = NUMBERS[at];
        format!("{:>width$} ", format!("{title}{}", arrow(sort)))
    };
    let name = match group {
        Group::Topic => "TOPIC",
        Group::Level => "LEVEL",
        Group::Source => "SOURCE",
    };
    let rest: String = (1..NUMBERS.len()).map(number).collect();
    format!("{}{:spark$} {rest}{name}{}", number(0), "", arrow(Sort::Name))
}

fn numbers_of<'l>(counts: &Counts, model: &Model, theme: Theme) -> Vec<Span<'l>> {
    let texts = [
        rate(counts.rate(model.elapsed())),
        grouped(counts.records),
        grouped(counts.lost),
        counts.lag.map_or_else(|| "-".to_owned(), lag),
    ];
    let spans = NUMBERS.iter().zip(texts).map(|((_, width, sort), text)| {
        let style = match sort {
            Sort::Lost if counts.lost > 0 => theme.error(),
            _ => theme.plain(),
        };
        Span::styled(format!("{text:>width$} "), style)
    });
    spans.collect()
}

fn style_of(group: Group, name: &str, theme: Theme) -> Style {
    match group {
        Group::Topic => theme.level(topic::parse(name).level.filter(|it| *it >= Level::WARNING)),
        Group::Level => theme.level(Level::from_name(name)),
        Group::Source => theme.plain(),
    }
}

/// Draws the newest errors below a table.
pub(super) fn draw_newest_errors(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    screen: &Screen,
    theme: Theme,
) {
    let mut lines = vec![Line::styled("NEWEST ERRORS", theme.bold())];
    let height = usize::from(area.height).saturating_sub(1);
    let passing = passing(model, &screen.order.filter);
    lines.extend(passing.take(height).map(|it| line_of(it, area.width, theme)));
    frame.render_widget(Paragraph::new(lines), area);
}

/// Draws all errors, of which one is selected.
pub(super) fn draw_errors(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    screen: &mut Screen,
    theme: Theme,
) {
    let filter = screen.order.filter.clone();
    let errors: Vec<&Shown> = passing(model, &filter).collect();
    let ids: Vec<String> = errors.iter().map(|error| id_of(error)).collect();
    let height = usize::from(area.height);
    let (first, selected) = screen.selection().place(errors.len(), height, |at| &*ids[at]);
    let mut lines = Vec::new();
    for (at, error) in errors.iter().enumerate().skip(first).take(height) {
        let line = line_of(error, area.width, theme);
        lines.push(if selected == Some(at) { line.style(theme.selected()) } else { line });
    }
    if errors.is_empty() {
        lines.push(Line::styled("  no record of level ERROR or above", theme.dim()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The errors whose topic, source or message contains the filter.
fn passing<'m>(model: &'m Model, filter: &'m str) -> impl Iterator<Item = &'m Shown> {
    model.errors.iter().filter(move |error| {
        let source = error.source.as_deref().unwrap_or("");
        filter.is_empty()
            || contains(&error.topic, filter)
            || contains(source, filter)
            || contains(&error.msg, filter)
    })
}

/// An error in one line: time, level, topic and message.
fn line_of<'l>(record: &Shown, width: u16, theme: Theme) -> Line<'l> {
    let time = record.time().map_or_else(String::new, time_of);
    let level = fit(&escape(&record.level_name()), 8, 0);
    let topic = fit(&escape(&record.topic), usize::from(width) / 4, usize::from(width) / 12);
    let head = format!("{time:>12} ");
    let room = usize::from(width).saturating_sub(columns(&head) + 8 + 2 + columns(&topic));
    let message = record.message();
    let message = fit(&escape(prefix(&message, MAX_SHOWN)), room, 0);
    Line::from(vec![
        Span::styled(head, theme.dim()),
        Span::styled(format!("{level:<8}"), theme.level(Some(record.level))),
        Span::raw(format!(" {topic} ")),
        Span::raw(message),
    ])
}
