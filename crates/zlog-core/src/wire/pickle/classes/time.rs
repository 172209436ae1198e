//! Dates, times and time zones, of the standard library, pytz, dateutil and pendulum.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::super::value::{Id, Object, Pickle, Value};
use super::{JsonForm, Scalar, bytes, integer, is_text, printed, push, text};
use crate::python::repr::push_string;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A value of these modules. An unknown class is read as a subclass of `datetime` if its
/// arguments are those of a `datetime`.
pub(super) fn scalar(
    pickle: &Pickle<'_>,
    object: &Object,
    module: &str,
    name: &str,
) -> Option<Scalar> {
    let args = pickle.args(object);
    match (module, name) {
        ("datetime", "date") | ("pendulum.date", "Date") => date(pickle, module, name, args),
        ("datetime", "time") | ("pendulum.time", "Time") => time(pickle, module, name, args),
        ("datetime", "timedelta") => timedelta(pickle, args),
        ("datetime", "timezone") => {
            let zone = zone(pickle, object)?;
            let str = match (args.get(1), zone.fixed?) {
                (Some(&name), _) => text(pickle, name)?.to_owned(),
                (None, 0) => "UTC".to_owned(),
                (None, offset) => format!("UTC{}", shown_offset(offset)),
            };
            Some(Scalar { str, ..printed(zone.repr) })
        }
        ("zoneinfo" | "pendulum.tz.timezone", "ZoneInfo._unpickle" | "Timezone._unpickle") => {
            let str = text(pickle, *args.first()?)?.to_owned();
            Some(Scalar { str, ..printed(zone(pickle, object)?.repr) })
        }
        ("pendulum.datetime", "DateTime") => {
            let [year, month, day, hour, minute, second, micro] =
                std::array::from_fn(|at| args.get(at).and_then(|&arg| integer(pickle, arg)));
            let date = [year?.try_into().ok()?, month? as u16, day? as u16];
            let clock = [hour? as u32, minute? as u32, second? as u32, micro? as u32];
            datetime(pickle, "DateTime", Moment { date, clock, fold: false }, args.get(7).copied())
        }
        ("datetime", _) | (_, _) if (1..=2).contains(&args.len()) => {
            let moment = moment(&bytes(pickle, args[0])?)?;
            let name = if module == "datetime" { "datetime.datetime" } else { name };
            datetime(pickle, name, moment, args.get(1).copied())
        }
        _ => None,
    }
}

/// The fields of a `datetime`.
struct Moment {
    /// Year, month and day.
    date: [u16; 3],
    /// Hour, minute, second and microsecond.
    clock: [u32; 4],
    /// It is the second one of two equal local times.
    fold: bool,
}

/// The state of a `datetime`: ten bytes.
fn moment(state: &[u8]) -> Option<Moment> {
    let [high, low, month, day, hour, minute, second, micro @ ..]: [u8; 10] =
        state.try_into().ok()?;
    let date = [u16::from_be_bytes([high, low]), (month & 0x7f).into(), day.into()];
    let micro = u32::from_be_bytes([0, micro[0], micro[1], micro[2]]);
    let clock = [hour.into(), minute.into(), second.into(), micro];
    let valid = (1..=9999).contains(&date[0])
        && (1..=12).contains(&date[1])
        && (1..=31).contains(&date[2])
        && hour < 24
        && minute < 60
        && second < 60
        && micro < 1_000_000;
    valid.then_some(Moment { date, clock, fold: month & 0x80 != 0 })
}

fn datetime(pickle: &Pickle<'_>, name: &str, moment: Moment, zone: Option<Id>) -> Option<Scalar> {
    let Moment { date: [year, month, day], clock, fold } = moment;
    let mut str = format!("{year:04}-{month:02}-{day:02} {}", shown_clock(clock));
    let mut repr = format!("{name}({year}, {month}, {day}, ");
    push_clock_args(clock, name == "DateTime", &mut repr);
    if fold {
        repr.push_str(", fold=1");
    }
    if let Some(id) = zone {
        let zone = match pickle.get(id) {
            Value::Object(object) => self::zone(pickle, object),
            Value::None => None,
            _ => return None,
        };
        let offset = zone.as_ref().and_then(|zone| zone.offset(year, month, day, clock, fold));
        match (offset, pickle.get(id)) {
            (Some(offset), _) => str.push_str(&shown_offset(offset)),
            (None, Value::Object(object)) => {
                let (module, name) = pickle.class(object);
                push(&mut str, format_args!(" <{module}.{name}>"));
            }
            _ => {}
        }
        let zone = zone.map_or_else(|| "...".to_owned(), |zone| zone.repr);
        push(&mut repr, format_args!(", tzinfo={zone}"));
    }
    repr.push(')');
    Some(Scalar { str, repr, json: JsonForm::Text })
}

/// `datetime.date(b"<4 bytes>")`.
fn date(pickle: &Pickle<'_>, module: &str, name: &str, args: &[Id]) -> Option<Scalar> {
    let state: [u8; 4] = bytes(pickle, *args.first()?)?.as_ref().try_into().ok()?;
    let [high, low, month, day] = state;
    let year = u16::from_be_bytes([high, low]);
    let name = qualified(module, name);
    Some(Scalar {
        repr: format!("{name}({year}, {month}, {day})"),
        ..printed(format!("{year:04}-{month:02}-{day:02}"))
    })
}

/// `datetime.time(b"<6 bytes>"[, zone])`.
fn time(pickle: &Pickle<'_>, module: &str, name: &str, args: &[Id]) -> Option<Scalar> {
    let state: [u8; 6] = bytes(pickle, *args.first()?)?.as_ref().try_into().ok()?;
    let [hour, minute, second, micro @ ..] = state;
    let micro = u32::from_be_bytes([0, micro[0], micro[1], micro[2]]);
    // The high bit of the hour tells which of two equal local times it is.
    let clock = [u32::from(hour & 0x7f), minute.into(), second.into(), micro];
    let mut str = shown_clock(clock);
    let mut repr = format!("{}(", qualified(module, name));
    push_clock_args(clock, false, &mut repr);
    if hour & 0x80 != 0 {
        repr.push_str(", fold=1");
    }
    if let Some(&id) = args.get(1) {
        let Value::Object(object) = pickle.get(id) else { return None };
        let zone = zone(pickle, object)?;
        // The offset of other zones depends on the date.
        if let Some(offset) = zone.fixed.filter(|_| !zone.depends_on_date) {
            str.push_str(&shown_offset(offset));
        }
        push(&mut repr, format_args!(", tzinfo={}", zone.repr));
    }
    repr.push(')');
    Some(Scalar { repr, ..printed(str) })
}

/// `datetime.timedelta(days, seconds, microseconds)`.
fn timedelta(pickle: &Pickle<'_>, args: &[Id]) -> Option<Scalar> {
    let &[days, seconds, micros] = args else { return None };
    let (days, seconds, micros) =
        (integer(pickle, days)?, integer(pickle, seconds)?, integer(pickle, micros)?);
    if !(0..DAY).contains(&seconds) || !(0..1_000_000).contains(&micros) {
        return None;
    }
    let parts = [("days", days), ("seconds", seconds), ("microseconds", micros)];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, number)| *number != 0)
        .map(|(name, number)| format!("{name}={number}"))
        .collect();
    let parts = if parts.is_empty() { "0".to_owned() } else { parts.join(", ") };
    Some(Scalar {
        str: shown_duration(days, seconds, micros),
        ..printed(format!("datetime.timedelta({parts})"))
    })
}

fn shown_duration(days: i64, seconds: i64, micros: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut out = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    push(&mut out, format_args!("{hours}:{minutes:02}:{seconds:02}"));
    if micros != 0 {
        push(&mut out, format_args!(".{micros:06}"));
    }
    out
}

fn shown_clock([hour, minute, second, micro]: [u32; 4]) -> String {
    let mut out = format!("{hour:02}:{minute:02}:{second:02}");
    if micro != 0 {
        push(&mut out, format_args!(".{micro:06}"));
    }
    out
}

/// The arguments that `repr()` shows: microseconds only if they are not zero, and so seconds,
/// except in pendulum.
fn push_clock_args([hour, minute, second, micro]: [u32; 4], seconds: bool, out: &mut String) {
    push(out, format_args!("{hour}, {minute}"));
    if seconds || second != 0 || micro != 0 {
        push(out, format_args!(", {second}"));
    }
    if micro != 0 {
        push(out, format_args!(", {micro}"));
    }
}

/// `repr()` has the module of the standard library's classes only.
fn qualified(module: &str, name: &str) -> String {
    if module == "datetime" { format!("datetime.{name}") } else { name.to_owned() }
}

/// `+01:00`, with seconds if there are any.
fn shown_offset(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.abs();
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    let mut out = format!("{sign}{hours:02}:{minutes:02}");
    if seconds != 0 {
        push(&mut out, format_args!(":{seconds:02}"));
    }
    out
}

/// A time zone.
struct Zone {
    /// Its offset from UTC in seconds, if that is the same at all times.
    fixed: Option<i64>,
    /// Python does not know its offset without a date.
    depends_on_date: bool,
    /// The rules of its other offsets.
    rules: Option<TimeZone>,
    repr: String,
}

impl Zone {
    fn fixed(offset: i64, repr: String) -> Option<Zone> {
        (offset.abs() < DAY).then_some(Zone {
            fixed: Some(offset),
            depends_on_date: false,
            rules: None,
            repr,
        })
    }

    /// A zone of the IANA database.
    fn named(name: &str, repr: String) -> Option<Zone> {
        let rules = TimeZone::get(name).ok()?;
        // As in Python, a zone whose offset has ever changed is not fixed.
        let fixed = rules.following(Timestamp::MIN).next().is_none();
        let fixed = fixed.then(|| rules.to_offset(Timestamp::UNIX_EPOCH).seconds().into());
        Some(Zone { fixed, depends_on_date: false, rules: Some(rules), repr })
    }

    /// The offset at a local time, in seconds. `fold` selects one of two equal local times.
    fn offset(
        &self,
        year: u16,
        month: u16,
        day: u16,
        [hour, minute, second, _]: [u32; 4],
        fold: bool,
    ) -> Option<i64> {
        if let Some(offset) = self.fixed {
            return Some(offset);
        }
        let small = |number: u32| i8::try_from(number).ok();
        let local = DateTime::new(
            year.try_into().ok()?,
            small(month.into())?,
            small(day.into())?,
            small(hour)?,
            small(minute)?,
            small(second)?,
            0,
        );
        let offset = match self.rules.as_ref()?.to_ambiguous_timestamp(local.ok()?).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                if fold {
                    after
                } else {
                    before
                }
            }
        };
        Some(offset.seconds().into())
    }
}

/// The time zone that an object is, if it is known.
fn zone(pickle: &Pickle<'_>, object: &Object) -> Option<Zone> {
    let args = pickle.args(object);
    let quoted = |name: &str| {
        let mut out = String::new();
        push_string(name, &mut out);
        out
    };
    let (module, name) = pickle.class(object);
    match (module, &*name, args) {
        ("datetime", "timezone", &[offset, ref name @ ..]) => {
            let delta = scalar_args(pickle, offset)?;
            let seconds = seconds(pickle, offset)?;
            let repr = match (seconds, name) {
                (0, []) => "datetime.timezone.utc".to_owned(),
                (_, []) => format!("datetime.timezone({delta})"),
                (_, [name, ..]) => {
                    format!("datetime.timezone({delta}, {})", quoted(text(pickle, *name)?))
                }
            };
            Zone::fixed(seconds, repr)
        }
        ("zoneinfo" | "backports.zoneinfo", "ZoneInfo._unpickle", &[key, ..]) => {
            let key = text(pickle, key)?;
            Zone::named(key, format!("zoneinfo.ZoneInfo(key={})", quoted(key)))
        }
        ("pendulum.tz.timezone", "Timezone._unpickle", &[key, ..]) => {
            let key = text(pickle, key)?;
            Zone::named(key, format!("Timezone({})", quoted(key)))
        }
        ("pendulum.tz.timezone", "FixedTimezone", &[offset, name, ..]) => {
            let (offset, name) = (integer(pickle, offset)?, text(pickle, name)?);
            Zone::fixed(offset, format!("FixedTimezone({offset}, name=\"{name}\")"))
        }
        ("pytz", _, args) => pytz(pickle, &name, args),
        ("dateutil.tz.tz", _, args) => dateutil(pickle, object, &name, args),
        // Since dateutil 4, which knows the offset of a fixed zone without a date.
        ("dateutil.tz._tzfile", "_unpickle", [_, args @ ..]) => {
            let zone = dateutil(pickle, object, "tzfile", args)?;
            Some(Zone { depends_on_date: false, ..zone })
        }
        _ => None,
    }
}

/// The zones of pytz, which pickles an offset with each time.
fn pytz(pickle: &Pickle<'_>, name: &str, args: &[Id]) -> Option<Zone> {
    match (name, args) {
        ("_UTC", []) => Zone::fixed(0, "<UTC>".to_owned()),
        ("FixedOffset", &[minutes]) => {
            let minutes = integer(pickle, minutes)?;
            Zone::fixed(minutes.checked_mul(60)?, format!("pytz.FixedOffset({minutes})"))
        }
        ("_p", &[key]) => {
            let key = text(pickle, key)?;
            Zone::named(key, format!("<StaticTzInfo '{key}'>"))
        }
        ("_p", &[key, offset, summer, name]) => {
            let (offset, summer) = (integer(pickle, offset)?, integer(pickle, summer)?);
            let (key, name) = (text(pickle, key)?, text(pickle, name)?);
            let (sign, kind) =
                (if offset > 0 { "+" } else { "" }, if summer == 0 { "STD" } else { "DST" });
            let (days, rest) = (offset.div_euclid(DAY), offset.rem_euclid(DAY));
            let shown = shown_duration(days, rest, 0);
            let zone =
                Zone::fixed(offset, format!("<DstTzInfo '{key}' {name}{sign}{shown} {kind}>"))?;
            Some(Zone { depends_on_date: true, ..zone })
        }
        _ => None,
    }
}

/// The zones of dateutil.
fn dateutil(pickle: &Pickle<'_>, object: &Object, name: &str, args: &[Id]) -> Option<Zone> {
    let state = match object.state.map(|state| pickle.get(state)) {
        Some(Value::Dict(state)) => &state[..],
        _ => &[],
    };
    let field =
        |name| state.iter().find(|(key, _)| is_text(pickle, *key, name)).map(|(_, value)| *value);
    match (name, args) {
        ("tzutc", _) => Zone::fixed(0, "tzutc()".to_owned()),
        // Before dateutil 4, the fields are the state.
        ("tzoffset", args) => {
            let name = args.first().copied().or_else(|| field("_name"));
            let offset = args.get(1).copied().or_else(|| field("_offset"))?;
            let offset = seconds(pickle, offset)?;
            let mut shown = "None".to_owned();
            if let Some(name) = name.and_then(|name| text(pickle, name)) {
                shown.clear();
                push_string(name, &mut shown);
            }
            Zone::fixed(offset, format!("tzoffset({shown}, {offset})"))
        }
        ("tzfile", &[_, path, ..]) => {
            let path = text(pickle, path)?;
            let key = path.split_once("zoneinfo/").map_or(path, |(_, key)| key);
            let mut repr = "tzfile(".to_owned();
            push_string(path, &mut repr);
            repr.push(')');
            let zone = Zone::named(key, repr)?;
            Some(Zone { depends_on_date: true, ..zone })
        }
        // Only the sender knows when its summer time begins.
        ("tzlocal", _) => {
            let constant = matches!(pickle.get(field("_hasdst")?), Value::Bool(false));
            let offset = seconds(pickle, field("_std_offset")?)?;
            constant.then(|| Zone::fixed(offset, "tzlocal()".to_owned()))?
        }
        _ => None,
    }
}

/// `repr()` of a `timedelta`.
fn scalar_args(pickle: &Pickle<'_>, delta: Id) -> Option<String> {
    let Value::Object(delta) = pickle.get(delta) else { return None };
    Some(timedelta(pickle, pickle.args(delta))?.repr)
}

/// The whole seconds of a `timedelta` of less than two days.
fn seconds(pickle: &Pickle<'_>, delta: Id) -> Option<i64> {
    let Value::Object(delta) = pickle.get(delta) else { return None };
    let &[days, seconds, _] = pickle.args(delta) else { return None };
    match (pickle.get(days), pickle.get(seconds)) {
        (Value::Int(days @ -1..=1), Value::Int(seconds @ 0..DAY)) => Some(days * DAY + seconds),
        _ => None,
    }
}
