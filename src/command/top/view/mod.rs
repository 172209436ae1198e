//! Draws the screen: from the model and the state of the screen to a frame. Text from outside is
//! escaped here.

mod record;
mod tables;
mod theme;
mod widgets;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

pub(super) use self::theme::Theme;
use self::widgets::{lag, line_of, sparkline};
use super::counts::{Counts, SECONDS};
use super::model::{Group, Model};
use super::screen::{KEYS, Screen, Tab};
use zlog_core::Level;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{counted, grouped, rate};
use zlog_core::text::prefix;
use zlog_core::text::width::fit;

/// The columns of the line with all records beside its sparkline, about; and of that at least.
const TOTAL_NUMBERS: usize = 68;
const MIN_SPARK: usize = 8;

/// Most slow subscribers and failing handlers that the line of a relay names.
const MAX_NAMED: usize = 3;
const MAX_NAME_BYTES: usize = 200;
/// Most relays that have a line.
const MAX_RELAYS: usize = 2;

/// Draws the screen. `live` is the present model, which is not shown while the picture is paused.
pub(super) fn draw(frame: &mut Frame<'_>, live: &Model, screen: &mut Screen, theme: Theme) {
    let paused = screen.paused.take();
    let model = paused.as_deref().unwrap_or(live);
    let relays = u16::try_from(model.relays.len().min(MAX_RELAYS)).unwrap_or(0);
    let notices = u16::from(!model.notices.is_empty());
    let rows = [
        Constraint::Length(3 + relays),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(notices),
        Constraint::Length(1),
    ];
    let [head, tabs, body, notice, keys] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(Paragraph::new(header(model, screen, paused.is_some(), theme, head)), head);
    frame.render_widget(Paragraph::new(tab_line(model, screen, theme)), tabs);
    screen.page = usize::from(body.height).saturating_sub(1);
    if screen.shows_help {
        frame.render_widget(Paragraph::new(help(theme)), body);
    } else if screen.detail.is_some() {
        record::draw(frame, body, model, screen, theme);
    } else {
        draw_tab(frame, body, model, screen, theme);
    }
    if let Some(text) = model.notices.back() {
        let text = fit(&escape(text), usize::from(notice.width), 0);
        frame.render_widget(Paragraph::new(Line::styled(text, theme.warning())), notice);
    }
    frame.render_widget(Paragraph::new(key_line(screen, theme)), keys);
    screen.paused = paused;
}

fn header<'l>(
    model: &Model,
    screen: &Screen,
    is_paused: bool,
    theme: Theme,
    area: Rect,
) -> Vec<Line<'l>> {
    let width = usize::from(area.width);
    let mut lines = vec![
        title(model, screen, is_paused, theme, width),
        totals(model, theme, width),
        levels(model, theme),
    ];
    // A stranger's name may have megabytes.
    let name = |name: &str| escape(prefix(name, MAX_NAME_BYTES));
    for relay in model.relays.iter().take(MAX_RELAYS) {
        let status = &relay.status;
        let peers = status.publish.iter().fold(0usize, |sum, it| sum.saturating_add(it.peers));
        let mut text = format!(
            "relay  {} to {}, {} dropped",
            rate(status.forwarded.rate),
            counted(peers, "subscriber"),
            grouped(status.forwarded.dropped.saturating_add(status.forwarded.no_room))
        );
        let slow =
            status.slow.iter().take(MAX_NAMED).map(|slow| format!("slow: {}", name(&slow.peer)));
        let failing = status.handlers.iter().filter(|it| it.outage.is_some()).take(MAX_NAMED);
        let failing = failing.map(|it| format!("fails: handler {}", name(&it.name)));
        let troubles: Vec<String> = slow.chain(failing).collect();
        let style = if troubles.is_empty() { theme.plain() } else { theme.warning() };
        for trouble in troubles {
            text = format!("{text}  {trouble}");
        }
        lines.push(Line::styled(fit(&text, width, 0), style));
    }
    lines
}

fn title<'l>(
    model: &Model,
    screen: &Screen,
    is_paused: bool,
    theme: Theme,
    width: usize,
) -> Line<'l> {
    let seconds = model.elapsed().as_secs();
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let publishers = match model.endpoints.is_empty() {
        true => String::new(),
        false => format!("  {}", counted(model.publishers(), "publisher")),
    };
    let end = format!("{publishers}  {clock}");
    let paused = if is_paused { "  PAUSED" } else { "" };
    let room = width.saturating_sub("zlog top  ".len() + end.len() + paused.len());
    Line::from(vec![
        Span::styled("zlog top  ", theme.bold()),
        Span::raw(fit(&escape(&screen.title), room, room / 3)),
        Span::raw(end),
        Span::styled(paused, theme.warning()),
    ])
}

fn totals<'l>(model: &Model, theme: Theme, width: usize) -> Line<'l> {
    let spark = width.saturating_sub(TOTAL_NUMBERS).clamp(MIN_SPARK, SECONDS);
    let Counts { records, lost, .. } = model.total;
    let history = model.total.history(model.elapsed(), spark);
    let mut spans = vec![
        Span::styled(format!("{:>10}", rate(model.total.rate(model.elapsed()))), theme.bold()),
        Span::raw(" "),
        Span::styled(sparkline(&history, spark), theme.spark()),
        Span::raw(format!(" {}  ", counted(records, "record"))),
    ];
    let sign = if model.is_incomplete { "at least " } else { "" };
    let lost = format!("{sign}{} lost", grouped(lost));
    let style = if model.total.lost > 0 { theme.error() } else { theme.plain() };
    spans.push(Span::styled(lost, style));
    if let (Some(newest), Some(worst)) = (model.total.lag, model.worst_lag()) {
        let text = format!("  lag {}, max {}", lag(newest), lag(worst));
        spans.push(Span::raw(text));
    }
    if model.undecoded > 0 {
        let text = format!("  {} not decoded", grouped(model.undecoded));
        spans.push(Span::styled(text, theme.warning()));
    }
    Line::from(spans)
}

fn levels<'l>(model: &Model, theme: Theme) -> Line<'l> {
    let mut levels: Vec<(&str, &Counts)> = model.names(Group::Level).iter().collect();
    let severity =
        |name: &str| Level::from_name(name).map_or(i64::MAX, |level| -i64::from(level.0));
    levels.sort_unstable_by_key(|(name, _)| (severity(name), name.to_owned()));
    line_of(levels.into_iter().map(|(name, counts)| {
        let shown = fit(&escape(name), 16, 0);
        let text = format!("{shown} {}", rate(counts.rate(model.elapsed())));
        Span::styled(text, theme.level(Level::from_name(name)))
    }))
}

fn tab_line<'l>(model: &Model, screen: &Screen, theme: Theme) -> Line<'l> {
    let mut spans: Vec<Span<'_>> = Vec::new();
    for (number, tab) in (1..).zip(Tab::ALL) {
        let (name, count) = match tab {
            Tab::Names(Group::Topic) => ("topics", model.names(Group::Topic).len()),
            Tab::Names(Group::Level) => ("levels", model.names(Group::Level).len()),
            Tab::Names(Group::Source) => ("sources", model.names(Group::Source).len()),
            Tab::Errors => ("errors", model.errors.len()),
            Tab::Relay => ("relay", model.relays.len()),
        };
        let text = format!("{number} {name} {}", grouped(count as u64));
        let style = if tab == screen.tab { theme.selected() } else { theme.dim() };
        spans.push(Span::styled(text, style));
    }
    let mut line = line_of(spans);
    if !screen.order.filter.is_empty() || screen.is_typing {
        let cursor = if screen.is_typing { "_" } else { "" };
        let text = format!("  filter: {}{cursor}", escape(&screen.order.filter));
        line.push_span(Span::styled(text, theme.warning()));
    }
    line
}

fn draw_tab(frame: &mut Frame<'_>, body: Rect, model: &Model, screen: &mut Screen, theme: Theme) {
    match screen.tab {
        Tab::Names(group) => {
            // The newest errors have a quarter, if there is room for both.
            let errors =
                if body.height < 10 || model.errors.is_empty() { 0 } else { body.height / 4 + 1 };
            let parts = [Constraint::Min(0), Constraint::Length(errors)];
            let [table, below] = Layout::vertical(parts).areas(body);
            screen.page = usize::from(table.height).saturating_sub(1);
            tables::draw_names(frame, table, (model, group), screen, theme);
            if errors > 0 {
                tables::draw_newest_errors(frame, below, model, screen, theme);
            }
        }
        Tab::Errors => tables::draw_errors(frame, body, model, screen, theme),
        Tab::Relay => {
            let text: Vec<Line<'_>> = match model.relays.is_empty() {
                true => vec![Line::from(
                    "No relay answers. `zlog top --ask ENDPOINT` names its query endpoint.",
                )],
                false => model
                    .relays
                    .iter()
                    .flat_map(|relay| {
                        let head = Line::styled(escape(&relay.endpoint), theme.bold());
                        let rows = relay.table.iter().map(|line| Line::from(line.as_str()));
                        std::iter::once(head).chain(rows).chain([Line::default()])
                    })
                    .collect(),
            };
            let places = (text.len() + 1).saturating_sub(usize::from(body.height)).max(1);
            let ids: Vec<String> = (0..places).map(|at| at.to_string()).collect();
            let (first, _) = screen.selection().place(places, 1, |at| &*ids[at]);
            let text: Vec<Line<'_>> = text.into_iter().skip(first).collect();
            frame.render_widget(Paragraph::new(text), body);
        }
    }
}

fn help<'l>(theme: Theme) -> Vec<Line<'l>> {
    let key = |(keys, what): &(&'static str, &'static str)| {
        Line::from(vec![
            Span::styled(format!("{keys:>16}"), theme.bold()),
            Span::raw(format!("  {what}")),
        ])
    };
    KEYS.iter().map(key).collect()
}

fn key_line<'l>(screen: &Screen, theme: Theme) -> Line<'l> {
    let keys: &[(&str, &str)] = if screen.is_typing {
        &[("type a part of the names", ""), ("Enter", "keep"), ("Esc", "clear")]
    } else if screen.shows_help {
        &[("Esc", "back"), ("q", "end")]
    } else if screen.detail.is_some() {
        &[
            ("Esc", "back"),
            ("←→", "older, newer"),
            ("↑↓", "scroll"),
            ("Space", "pause"),
            ("q", "end"),
        ]
    } else {
        &[
            ("↑↓", "select"),
            ("Enter", "record"),
            ("s", "sort"),
            ("r", "reverse"),
            ("/", "filter"),
            ("Space", "pause"),
            ("?", "keys"),
            ("q", "end"),
        ]
    };
    let shown = keys.iter().flat_map(|(key, what)| {
        [
            Span::styled(*key, theme.bold().add_modifier(Modifier::REVERSED)),
            Span::raw(format!(" {what}  ")),
        ]
    });
    Line::from(shown.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
