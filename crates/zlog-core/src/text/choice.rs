//! Closed sets of names, as options and configuration keys take them.

/// A type each of whose values has a name that a user can type.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every value, in the order of the documentation.
    const CHOICES: &'static [Named<Self>];

    /// The value of this name, or of another one that is read as well.
    fn from_name(name: &str) -> Option<Self> {
        let known = |choice: &&Named<Self>| choice.name == name || choice.alias == Some(name);
        Self::CHOICES.iter().find(known).map(|choice| choice.value)
    }

    /// The name of this value.
    fn name(self) -> &'static str {
        let own = |choice: &&Named<Self>| choice.value == self;
        // A value without a line in the table is caught by the tests of its type.
        Self::CHOICES.iter().find(own).map_or("", |choice| choice.name)
    }
}

/// One value of a [`Choice`].
#[derive(Clone, Copy, Debug)]
pub struct Named<T> {
    /// The value.
    pub value: T,
    /// How it is typed.
    pub name: &'static str,
    /// Another name that is read as well.
    pub alias: Option<&'static str>,
    /// What it means, for the help text.
    pub help: &'static str,
}

impl<T> Named<T> {
    /// A value with its name and what it means.
    pub const fn new(value: T, name: &'static str, help: &'static str) -> Named<T> {
        Named { value, name, alias: None, help }
    }

    /// The same, with another name that is read as well.
    #[must_use]
    pub const fn alias(self, alias: &'static str) -> Named<T>
    where
        T: Copy,
    {
        Named { alias: Some(alias), ..self }
    }
}
