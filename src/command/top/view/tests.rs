use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};

use super::super::model::Relay;
use super::super::screen::Action;
use super::*;
use zlog_core::text::escape::is_unsafe;
use zlog_core::wire::query::{EndpointPeers, SlowSubscriber, Status, Traffic};
use zlog_core::{RawJson, Record};

fn record(topic: &str, level: Level, seq: u64, msg: &str) -> Record<'static> {
    Record {
        topic: topic.to_owned().into(),
        level,
        msg: msg.to_owned().into(),
        source: Some("web1:17:abcd".into()),
        seq: Some(seq),
        created: Some(1_767_323_045.25),
        received: Some(1_767_323_045.256),
        ..Record::default()
    }
}

/// A stream of three topics, one of them with a loss, five seconds after its start.
fn model() -> Model {
    let now = Instant::now();
    let mut model = Model::new(now);
    model.set_time(now + Duration::from_secs(4));
    for seq in 1..=100 {
        model.observe(&mut record("shop.INFO", Level::INFO, seq, "sold"), true);
    }
    for seq in 1..=10 {
        model.observe(&mut record("shop.WARNING.db", Level::WARNING, 2 * seq, "slow"), true);
    }
    let mut error = record("shop.ERROR.db", Level::ERROR, 1, "no connection\nto db");
    error.exc_text = Some("Traceback:\n  File \"x\"\nOSError".into());
    error.extras = vec![("user".into(), RawJson("{\"id\":7}".into()))];
    model.observe(&mut error, true);
    model.set_time(now + Duration::from_secs(5));
    model.endpoints = vec![("tcp://127.0.0.1:12345".to_owned(), 2)];
    model
}

fn relay() -> Relay {
    let slow = SlowSubscriber {
        peer: "process 17 at 127.0.0.1:53412".into(),
        dropped: 200,
        ..SlowSubscriber::default()
    };
    let status = Status {
        publish: vec![EndpointPeers { endpoint: "tcp://127.0.0.1:12345".into(), peers: 3 }],
        forwarded: Traffic { rate: 1234.0, no_room: 200, ..Traffic::default() },
        slow: vec![slow],
        ..Status::default()
    };
    Relay::new("tcp://127.0.0.1:12346".into(), status)
}

fn screen() -> Screen {
    Screen::new("tcp://127.0.0.1:12345".to_owned())
}

/// A screen of this size, with what was drawn.
struct Drawn {
    terminal: Terminal<TestBackend>,
}

impl Drawn {
    fn new(columns: u16, rows: u16) -> Drawn {
        Drawn { terminal: Terminal::new(TestBackend::new(columns, rows)).unwrap() }
    }

    /// Draws, and returns the lines.
    fn draw(&mut self, model: &Model, screen: &mut Screen, color: bool) -> Vec<String> {
        self.terminal.draw(|frame| draw(frame, model, screen, Theme { color })).unwrap();
        let buffer = self.terminal.backend().buffer();
        let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..buffer.area.height).map(|y| row(y).trim_end().to_owned()).collect()
    }
}

fn drawn(columns: u16, rows: u16, model: &Model, screen: &mut Screen) -> Vec<String> {
    Drawn::new(columns, rows).draw(model, screen, false)
}

fn press(screen: &mut Screen, model: &mut Model, keys: &[KeyCode]) {
    for key in keys {
        let action = screen.key(KeyEvent::new(*key, KeyModifiers::NONE), model);
        assert_eq!(action, Action::None, "{key:?}");
    }
    model.watch(screen.watched());
}

/// The first line that contains a text.
#[track_caller]
fn line<'l>(lines: &'l [String], text: &str) -> &'l str {
    let found = lines.iter().find(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no {text:?} in\n{}", lines.join("\n")))
}

#[test]
fn a_screen_of_80_columns_has_totals_levels_a_table_the_newest_errors_and_the_keys() {
    let mut model = model();
    model.relays = vec![relay()];
    let lines = drawn(80, 24, &model, &mut screen());
    assert_eq!(lines[0], "zlog top  tcp://127.0.0.1:12345  2 publishers  00:00:05");
    assert!(lines[1].starts_with("    22.2/s") && lines[1].contains("111 records"), "{}", lines[1]);
    assert!(lines[1].contains("9 lost  lag 6.0 ms"), "{}", lines[1]);
    assert_eq!(lines[2], "ERROR 0.2/s  WARNING 2.0/s  INFO 20.0/s");
    let relay = "relay  1,234/s to 3 subscribers, 200 dropped  slow: process 17 at 127.0.0.1:534…";
    assert_eq!(lines[3], relay);
    assert!(lines[4].starts_with("1 topics 3  2 levels 3  3 sources 1  4 errors 1  5 relay 1"));
    assert!(lines[5].contains("RATE▼") && lines[5].ends_with("TOPIC"), "{}", lines[5]);
    let rows = [
        (6, "20.0/s", "shop.INFO"),
        (7, "2.0/s", "shop.WARNING.db"),
        (8, "0.2/s", "shop.ERROR.db"),
    ];
    for (row, rate, topic) in rows {
        assert!(lines[row].trim_start().starts_with(rate), "{}", lines[row]);
        assert!(lines[row].ends_with(topic), "{}", lines[row]);
    }
    assert!(
        line(&lines, "no connection").contains("ERROR    shop.ERROR.db no connection\\x0ato db")
    );
    assert!(lines[23].contains("Enter record"), "{}", lines[23]);
    assert!(lines[23].contains("q end"), "{}", lines[23]);
}

#[test]
fn a_wide_screen_shows_long_names_whole_and_more_of_the_past() {
    let mut model = model();
    let long = format!("{}.ERROR.database.connections", "department".repeat(5));
    model.observe(&mut record(&long, Level::ERROR, 1, "x"), true);
    let lines = drawn(200, 60, &model, &mut screen());
    assert!(line(&lines, "connections").ends_with(&long));
    let narrow = drawn(80, 24, &model, &mut screen());
    assert!(line(&narrow, "…").trim_end().ends_with("nections"), "{}", narrow.join("\n"));
    assert_eq!(lines.len(), 60);
}

#[test]
fn nothing_from_outside_steers_the_terminal_or_breaks_the_layout() {
    let hostile = "\x1b[2J\x1b]0;x\x07\u{202e}\n日本語 ".repeat(40);
    for (columns, rows) in [(80, 24), (200, 60), (20, 5), (1, 1), (300, 3)] {
        let mut model = model();
        let mut bad = record(&hostile, Level::ERROR, 1, &hostile);
        bad.source = Some(hostile.clone().into());
        bad.levelname = Some(hostile.clone().into());
        bad.exc_text = Some(hostile.clone().into());
        bad.extras = vec![(hostile.clone().into(), RawJson(format!("\"{hostile}\"").into()))];
        model.observe(&mut bad, true);
        model.notify(hostile.clone());
        model.endpoints = vec![(hostile.clone(), 1)];
        let slow = SlowSubscriber { peer: hostile.clone(), ..SlowSubscriber::default() };
        let status =
            Status { version: hostile.clone(), slow: vec![slow; 2000], ..Status::default() };
        model.relays = vec![Relay::new(hostile.clone(), status)];
        let mut screen = Screen::new(hostile.clone());
        screen.order.filter = "\x1b".to_owned();
        let mut terminal = Drawn::new(columns, rows);
        let keys = "12345".chars().map(KeyCode::Char);
        for key in
            keys.chain([KeyCode::Char('4'), KeyCode::Enter, KeyCode::End, KeyCode::Char('?')])
        {
            press(&mut screen, &mut model, &[key]);
            let shown = terminal.draw(&model, &mut screen, true).concat();
            assert!(!shown.chars().any(is_unsafe), "{key:?}: {shown:?}");
        }
    }
}

#[test]
fn the_selected_row_stays_selected_while_others_overtake_it() {
    let (mut model, mut screen, mut terminal) = (model(), screen(), Drawn::new(80, 24));
    terminal.draw(&model, &mut screen, false);
    press(&mut screen, &mut model, &[KeyCode::Down]);
    let selected = |terminal: &Drawn| {
        let buffer = terminal.terminal.backend().buffer();
        let rows = (5..buffer.area.height - 1)
            .filter(|y| buffer[(0, *y)].modifier.contains(Modifier::REVERSED));
        rows.collect::<Vec<_>>()
    };
    let lines = terminal.draw(&model, &mut screen, false);
    assert_eq!(selected(&terminal), [6]);
    assert!(lines[6].ends_with("shop.WARNING.db"));
    press(&mut screen, &mut model, &[KeyCode::Char('r')]);
    terminal.draw(&model, &mut screen, false);
    assert_eq!(selected(&terminal), [6], "the order is reversed: it is in the middle");
    press(&mut screen, &mut model, &[KeyCode::Char('s'), KeyCode::Char('s'), KeyCode::Char('r')]);
    let lines = terminal.draw(&model, &mut screen, false);
    assert!(lines[4].contains("LOST▼"), "{}", lines[4]);
    assert_eq!(selected(&terminal), [5], "it has the most losses");
}

#[test]
fn a_filter_is_typed_and_cleared() {
    let (mut model, mut screen, mut terminal) = (model(), screen(), Drawn::new(80, 24));
    press(&mut screen, &mut model, &[KeyCode::Char('/')]);
    press(&mut screen, &mut model, &"WaRq".chars().map(KeyCode::Char).collect::<Vec<_>>());
    press(&mut screen, &mut model, &[KeyCode::Backspace]);
    let lines = terminal.draw(&model, &mut screen, false);
    assert!(lines[3].ends_with("filter: WaR_"), "{}", lines[3]);
    press(&mut screen, &mut model, &[KeyCode::Enter]);
    let lines = terminal.draw(&model, &mut screen, false);
    assert!(lines[3].ends_with("filter: WaR"), "{}", lines[3]);
    assert!(lines[5].ends_with("shop.WARNING.db") && !lines.concat().contains("shop.INFO"));
    press(&mut screen, &mut model, &[KeyCode::Esc]);
    let lines = terminal.draw(&model, &mut screen, false);
    assert!(lines.concat().contains("shop.INFO"));
}

#[test]
fn a_paused_picture_stays_while_counting_goes_on() {
    let (mut model, mut screen, mut terminal) = (model(), screen(), Drawn::new(80, 24));
    press(&mut screen, &mut model, &[KeyCode::Char(' ')]);
    model.observe(&mut record("new.INFO", Level::INFO, 1, "x"), true);
    let lines = terminal.draw(&model, &mut screen, false);
    assert!(lines[0].ends_with("PAUSED"));
    assert!(lines[1].contains("111 records") && !lines.concat().contains("new.INFO"));
    press(&mut screen, &mut model, &[KeyCode::Char(' ')]);
    let lines = terminal.draw(&model, &mut screen, false);
    assert!(lines[1].contains("112 records") && lines.concat().contains("new.INFO"));
}

#[test]
fn an_error_is_shown_with_all_its_fields() {
    let (mut model, mut screen, mut terminal) = (model(), screen(), Drawn::new(80, 24));
    press(&mut screen, &mut model, &[KeyCode::Char('4')]);
    terminal.draw(&model, &mut screen, false);
    press(&mut screen, &mut model, &[KeyCode::Enter]);
    let lines = terminal.draw(&model, &mut screen, false);
    for (name, value) in [
        ("message", "no connection"),
        ("level", "ERROR"),
        ("topic", "shop.ERROR.db"),
        ("lag", "6.0 ms"),
        ("source", "web1:17:abcd"),
        ("seq", "1"),
        ("user", "{\"id\":7}"),
        ("traceback", "Traceback:"),
    ] {
        assert!(line(&lines, &format!("{name:>12}  ")).ends_with(value), "{name}");
    }
    assert!(line(&lines, "OSError").starts_with("              OSError"));
    press(&mut screen, &mut model, &[KeyCode::Esc]);
    assert!(terminal.draw(&model, &mut screen, false)[4].contains("shop.ERROR.db"));
}

#[test]
fn a_row_shows_its_newest_record_and_the_ones_before() {
    let (mut model, mut screen, mut terminal) = (model(), screen(), Drawn::new(80, 24));
    terminal.draw(&model, &mut screen, false);
    press(&mut screen, &mut model, &[KeyCode::Enter]);
    let lines = terminal.draw(&model, &mut screen, false);
    assert_eq!(lines[4], "Newest records of topic shop.INFO");
    assert!(lines[5].contains("waits for a record"));
    for seq in 101..=103 {
        model.observe(&mut record("shop.INFO", Level::INFO, seq, &format!("sale {seq}")), true);
    }
    for (keys, shown) in [
        (&[][..], "sale 103"),
        (&[KeyCode::Left], "sale 102"),
        (&[KeyCode::Left, KeyCode::Left, KeyCode::Left], "sale 101"),
        (&[KeyCode::Right], "sale 102"),
    ] {
        press(&mut screen, &mut model, keys);
        let lines = terminal.draw(&model, &mut screen, false);
        assert!(lines[5].ends_with(shown), "{} is not {shown}", lines[5]);
    }
    model.observe(&mut record("shop.INFO", Level::INFO, 104, "sale 104"), true);
    assert!(terminal.draw(&model, &mut screen, false)[5].ends_with("sale 102"), "it was chosen");
    press(&mut screen, &mut model, &[KeyCode::Right, KeyCode::Right, KeyCode::Right]);
    model.observe(&mut record("shop.INFO", Level::INFO, 105, "sale 105"), true);
    assert!(terminal.draw(&model, &mut screen, false)[5].ends_with("sale 105"), "follows again");
}

#[test]
fn a_relay_has_a_page_with_its_whole_status() {
    let (mut model, mut screen, mut terminal) = (model(), screen(), Drawn::new(80, 24));
    press(&mut screen, &mut model, &[KeyCode::Char('5')]);
    assert!(terminal.draw(&model, &mut screen, false).concat().contains("No relay answers"));
    model.relays = vec![relay()];
    let lines = terminal.draw(&model, &mut screen, false);
    line(&lines, "process 17 at 127.0.0.1:53412: 0 times, 200 dropped for it");
    let mut small = Drawn::new(80, 10);
    press(&mut screen, &mut model, &[KeyCode::End]);
    let lines = small.draw(&model, &mut screen, false);
    assert!(lines.concat().contains("tcp://127.0.0.1:12345            3"), "{}", lines.join("\n"));
}

#[test]
fn without_colour_no_cell_has_one_and_with_it_levels_do() {
    let mut model = model();
    model.notify("careful".to_owned());
    for color in [false, true] {
        let mut terminal = Drawn::new(80, 24);
        terminal.draw(&model, &mut screen(), color);
        let cells = &terminal.terminal.backend().buffer().content;
        let colored = cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(colored, color);
    }
}

#[test]
fn keys_that_end_the_command_are_told_apart() {
    let (mut model, mut screen) = (model(), screen());
    let mut key = |code, modifiers| screen.key(KeyEvent::new(code, modifiers), &mut model);
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Action::Quit);
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Action::Interrupt);
    assert_eq!(key(KeyCode::Char('z'), KeyModifiers::CONTROL), Action::Suspend);
    assert_eq!(key(KeyCode::Char('/'), KeyModifiers::NONE), Action::None);
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Action::None, "it is typed");
}

#[test]
fn the_help_page_lists_every_key() {
    let (mut model, mut screen, mut terminal) = (model(), screen(), Drawn::new(80, 24));
    press(&mut screen, &mut model, &[KeyCode::Char('?')]);
    let lines = terminal.draw(&model, &mut screen, false);
    for (keys, what) in KEYS {
        line(&lines, &format!("{keys:>16}  {what}"));
    }
    press(&mut screen, &mut model, &[KeyCode::Esc]);
    assert!(terminal.draw(&model, &mut screen, false).concat().contains("shop.INFO"));
}

#[test]
fn the_document_lists_the_same_keys() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/top.md");
    let document = std::fs::read_to_string(path).unwrap();
    for (keys, what) in KEYS {
        assert!(document.contains(&format!("| {keys} | {what} |")), "{keys}");
    }
}
