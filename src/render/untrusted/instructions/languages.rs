//! The tables of words, one for each language.

use super::words::Language;

mod east_asian;
mod english;
mod germanic;
mod iberian;
mod romance;
mod slavic;
mod south_asian;
mod west_asian;

pub(super) use english::DISGUISED;

/// All tables. The first is [`ANY`](english::ANY), whose words belong to every language.
pub(super) const LANGUAGES: &[Language] = &[
    english::ANY,
    english::ENGLISH,
    germanic::GERMAN,
    germanic::DUTCH,
    romance::FRENCH,
    romance::ITALIAN,
    iberian::SPANISH,
    iberian::PORTUGUESE,
    slavic::POLISH,
    slavic::RUSSIAN,
    slavic::UKRAINIAN,
    east_asian::CHINESE,
    east_asian::JAPANESE,
    east_asian::KOREAN,
    west_asian::TURKISH,
    west_asian::ARABIC,
    south_asian::HINDI,
    south_asian::INDONESIAN,
    south_asian::VIETNAMESE,
];
