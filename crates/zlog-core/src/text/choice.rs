//! Closed sets of names for options and configuration keys.

/// A type whose values have names that users can type.
pub trait Choice: Copy + PartialEq + 'static {
    /// All values, in the order of the documentation.
    const CHOICES: &'static [Named<Self>];

    /// All values.
    fn all() -> impl Iterator<Item = Self> {
        Self::CHOICES.iter().map(|choice| choice.value)
    }

    /// The value with this name or alias.
    fn from_name(name: &str) -> Option<Self> {
        let known = |choice: &&Named<Self>| choice.name == name || choice.alias == Some(name);
        Self::CHOICES.iter().find(known).map(|choice| choice.value)
    }

    /// The name of this value.
    fn name(self) -> &'static str {
        let own = |choice: &&Named<Self>| choice.value == self;
        // The tests of each type check that no value is missing.
        Self::CHOICES.iter().find(own).map_or("", |choice| choice.name)
    }
}

/// One value of a [`Choice`].
#[derive(Clone, Copy, Debug)]
pub struct Named<T> {
    /// The value.
    pub value: T,
    /// The name that users type.
    pub name: &'static str,
    /// Another name for it.
    pub alias: Option<&'static str>,
    /// The help text.
    pub help: &'static str,
}

impl<T> Named<T> {
    /// A value with its name and help text.
    pub const fn new(value: T, name: &'static str, help: &'static str) -> Named<T> {
        Named { value, name, alias: None, help }
    }

    /// Adds another name.
    #[must_use]
    pub const fn alias(self, alias: &'static str) -> Named<T>
    where
        T: Copy,
    {
        Named { alias: Some(alias), ..self }
    }
}
