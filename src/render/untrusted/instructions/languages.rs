//! The tables of words, one for each language.

use super::words::Language;

mod any;
mod disguised;
mod east_asian;
mod east_slavic;
mod english;
mod english_control;
mod further;
mod germanic;
mod iberian;
mod others;
mod romance;
mod south_asian;
mod west_asian;
mod west_slavic;

pub(super) use disguised::DISGUISED;
pub(super) use english_control::ENGLISH_CONTROL;

/// All tables. The first is [`ANY`](any::ANY), whose words belong to every language.
pub(super) const LANGUAGES: &[Language] = &[
    any::ANY,
    english::ENGLISH,
    germanic::GERMAN,
    germanic::DUTCH,
    romance::FRENCH,
    romance::ITALIAN,
    iberian::SPANISH,
    iberian::PORTUGUESE,
    west_slavic::POLISH,
    east_slavic::RUSSIAN,
    east_slavic::UKRAINIAN,
    east_asian::CHINESE,
    east_asian::JAPANESE,
    east_asian::KOREAN,
    west_asian::TURKISH,
    west_asian::ARABIC,
    south_asian::HINDI,
    south_asian::INDONESIAN,
    south_asian::VIETNAMESE,
    others::SCANDINAVIAN,
    west_slavic::CZECH,
    others::ROMANIAN,
    others::GREEK,
    others::THAI,
    others::HEBREW,
    others::PERSIAN,
    further::FINNISH,
    further::HUNGARIAN,
    further::SWAHILI,
];
