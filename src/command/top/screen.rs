//! What the screen shows, and what keys change about it. Draws nothing: see `view`.

use std::collections::VecDeque;
use std::sync::Arc;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::{Group, Model, WatchedName};
use super::table::{Order, Selection, Sort};
use zlog_core::Record;

/// The keys, as the screen and the documents list them.
pub(super) const KEYS: [(&str, &str); 13] = [
    ("1 to 5, Tab", "topics, levels, sources, errors, relay"),
    ("Up, Down, j, k", "select a row; also PgUp, PgDn, Home, End"),
    ("Enter", "show the newest record of the row, or the error"),
    ("Left, Right", "in a record: the one before, the one after"),
    ("Esc", "back; without a record or a help page: clear the filter"),
    ("s, S", "sort by the next column, by the one before"),
    ("r", "reverse the order"),
    ("/", "filter names, and errors, by a part; Enter keeps it"),
    ("Space", "pause the picture, and go on; counting goes on"),
    ("c", "count from zero"),
    ("?", "these keys"),
    ("Ctrl-Z", "suspend"),
    ("q, Ctrl-C", "end"),
];

/// What the body shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tab {
    Names(Group),
    Errors,
    Relay,
}

impl Tab {
    pub(super) const ALL: [Tab; 5] = [
        Tab::Names(Group::Topic),
        Tab::Names(Group::Level),
        Tab::Names(Group::Source),
        Tab::Errors,
        Tab::Relay,
    ];

    fn number(self) -> usize {
        Tab::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }
}

/// The record that is shown in place of the tables.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    /// It is a record of this; `None` for one of the errors.
    pub(super) watched: Option<WatchedName>,
    /// The record; `None` for whichever is the newest.
    pub(super) record: Option<Arc<Record<'static>>>,
    /// The first line on the screen. The view corrects it.
    pub(super) scroll: usize,
}

impl Detail {
    /// The records that it is one of, the newest first.
    pub(super) fn records<'m>(&self, model: &'m Model) -> &'m VecDeque<Arc<Record<'static>>> {
        if self.watched.is_some() { &model.records } else { &model.errors }
    }

    /// Shows the record that is so many older than this one, or newer.
    fn step(&mut self, older: isize, model: &Model) {
        let records = self.records(model);
        let at = match &self.record {
            None => Some(0),
            Some(record) => records.iter().position(|it| Arc::ptr_eq(it, record)),
        };
        let next = at.and_then(|at| at.checked_add_signed(older));
        if let Some(record) = next.and_then(|at| records.get(at)) {
            (self.record, self.scroll) = (Some(Arc::clone(record)), 0);
        } else if next.is_none() && self.watched.is_some() {
            // Newer than the newest: follows what comes.
            (self.record, self.scroll) = (None, 0);
        }
    }
}

/// What the caller must do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    None,
    /// End as asked.
    Quit,
    /// End as after SIGINT.
    Interrupt,
    /// Stop this process until it is continued.
    Suspend,
}

/// The state of the screen.
pub(super) struct Screen {
    /// What is watched: endpoints, or the server.
    pub(super) title: String,
    pub(super) tab: Tab,
    pub(super) order: Order,
    /// For each tab.
    selections: [Selection; Tab::ALL.len()],
    /// Whether the filter is typed.
    pub(super) is_typing: bool,
    pub(super) shows_help: bool,
    pub(super) detail: Option<Detail>,
    /// The counts while the picture is paused.
    pub(super) paused: Option<Box<Model>>,
    /// Rows of the body when it was drawn last: how far a page is.
    pub(super) page: usize,
}

impl Screen {
    pub(super) fn new(title: String) -> Screen {
        Screen {
            title,
            tab: Tab::ALL[0],
            order: Order::default(),
            selections: Default::default(),
            is_typing: false,
            shows_help: false,
            detail: None,
            paused: None,
            page: 0,
        }
    }

    /// The selection of the tab.
    pub(super) fn selection(&mut self) -> &mut Selection {
        &mut self.selections[self.tab.number()]
    }

    /// What the model is to keep records of.
    pub(super) fn watched(&self) -> Option<WatchedName> {
        self.detail.as_ref()?.watched.clone()
    }

    /// Takes a key. `model` is the live one.
    pub(super) fn key(&mut self, key: KeyEvent, model: &mut Model) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Action::Interrupt,
                KeyCode::Char('z') => Action::Suspend,
                _ => Action::None,
            };
        }
        if self.is_typing {
            self.type_filter(key.code);
            return Action::None;
        }
        match key.code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Char('?') => self.shows_help = !self.shows_help,
            KeyCode::Esc => self.back(),
            KeyCode::Char(' ') => {
                let paused = self.paused.is_none().then(|| Box::new(model.copy()));
                self.paused = paused;
            }
            KeyCode::Char('c') => {
                self.paused = None;
                model.restart(std::time::Instant::now());
            }
            code => match self.detail.is_some() {
                true => self.move_in_record(code, model),
                false => self.move_in_table(code, model),
            },
        }
        Action::None
    }

    fn type_filter(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.order.filter.clear();
            }
            KeyCode::Backspace => {
                self.order.filter.pop();
            }
            KeyCode::Char(c) => self.order.filter.push(c),
            _ => {}
        }
    }

    /// Leaves what is in front.
    fn back(&mut self) {
        if self.shows_help {
            self.shows_help = false;
        } else if self.detail.take().is_none() {
            self.order.filter.clear();
        }
    }

    fn move_in_table(&mut self, key: KeyCode, model: &Model) {
        let page = self.page.max(1) as isize;
        match key {
            KeyCode::Char(c @ '1'..='5') => self.tab = Tab::ALL[c as usize - '1' as usize],
            KeyCode::Tab => self.tab = self.neighbour(1),
            KeyCode::BackTab => self.tab = self.neighbour(Tab::ALL.len() - 1),
            KeyCode::Up | KeyCode::Char('k') => self.selection().shift(-1),
            KeyCode::Down | KeyCode::Char('j') => self.selection().shift(1),
            KeyCode::PageUp => self.selection().shift(-page),
            KeyCode::PageDown => self.selection().shift(page),
            KeyCode::Home | KeyCode::Char('g') => self.selection().shift(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.selection().shift(isize::MAX),
            KeyCode::Char('s') => self.sort_by(1),
            KeyCode::Char('S') => self.sort_by(Sort::ALL.len() - 1),
            KeyCode::Char('r') => self.order.is_reversed = !self.order.is_reversed,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Enter => self.open(model),
            _ => {}
        }
    }

    fn neighbour(&self, distance: usize) -> Tab {
        Tab::ALL[(self.tab.number() + distance) % Tab::ALL.len()]
    }

    fn sort_by(&mut self, distance: usize) {
        let at = Sort::ALL.iter().position(|sort| *sort == self.order.sort).unwrap_or(0);
        self.order.sort = Sort::ALL[(at + distance) % Sort::ALL.len()];
    }

    /// Opens what is selected.
    fn open(&mut self, model: &Model) {
        let tab = self.tab;
        let Some(name) = self.selection().name().map(str::to_owned) else { return };
        let model = self.paused.as_deref().unwrap_or(model);
        let detail = |watched, record| Some(Detail { watched, record, scroll: 0 });
        self.detail = match tab {
            Tab::Names(group) => detail(Some(WatchedName { group, name }), None),
            Tab::Errors => {
                let error = model.errors.iter().find(|error| id_of(error) == name);
                error.and_then(|error| detail(None, Some(Arc::clone(error))))
            }
            Tab::Relay => None,
        };
        // Records of a row are kept from now on: a paused picture has none.
        if self.watched().is_some() {
            self.paused = None;
        }
    }

    fn move_in_record(&mut self, key: KeyCode, model: &Model) {
        let page = self.page.max(1);
        let model = self.paused.as_deref().unwrap_or(model);
        let Some(detail) = &mut self.detail else { return };
        let scroll = detail.scroll;
        match key {
            KeyCode::Up | KeyCode::Char('k') => detail.scroll = scroll.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => detail.scroll = scroll + 1,
            KeyCode::PageUp => detail.scroll = scroll.saturating_sub(page),
            KeyCode::PageDown => detail.scroll = scroll + page,
            KeyCode::Home | KeyCode::Char('g') => detail.scroll = 0,
            KeyCode::End | KeyCode::Char('G') => detail.scroll = usize::MAX / 2,
            KeyCode::Left => detail.step(1, model),
            KeyCode::Right => detail.step(-1, model),
            KeyCode::Enter => self.detail = None,
            _ => {}
        }
    }
}

/// A name for a record that is kept, to recognize it while others come.
pub(super) fn id_of(record: &Arc<Record<'static>>) -> String {
    format!("{:p}", Arc::as_ptr(record))
}
