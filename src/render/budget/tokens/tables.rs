//! The tables of the estimator.

/// The price of one token in `START`, `PAIR`, `UPPER` and `CAPITAL`.
pub(super) const TOKEN: u32 = 32;

/// The price of a first letter: without a character in front, after a space, after a character
/// that often joins a word, and after any other.
#[rustfmt::skip]
pub(super) const START: [u8; 104] = [
    36, 31, 31, 31, 37, 38, 37, 34, 41, 42, 39, 38, 34, 39, 36, 35, 41, 35, 32, 33, 38, 38, 34, 39,
    39, 42, 29, 30, 27, 29, 32, 32, 32, 31, 36, 37, 35, 34, 28, 32, 31, 32, 41, 32, 26, 27, 37, 33,
    30, 39, 40, 41, 52, 48, 41, 45, 54, 54, 49, 52, 54, 51, 51, 51, 47, 48, 53, 49, 49, 50, 46, 51,
    60, 47, 48, 51, 54, 52, 66, 66, 65, 65, 67, 69, 69, 67, 70, 69, 70, 70, 65, 58, 67, 68, 68, 66,
    65, 64, 70, 68, 69, 71, 70, 73,
];

/// The price of a letter after another: a row is the former, without regard to case.
#[rustfmt::skip]
const PAIR: [u8; 676] = [
    16, 14, 13, 13, 21, 21, 17, 22, 18, 24, 21, 12, 12, 7, 29, 13, 29, 5, 10, 5, 23, 22, 20, 23, 19,
    23, 15, 19, 25, 22, 17, 25, 29, 24, 20, 20, 24, 14, 39, 30, 19, 29, 35, 22, 20, 33, 18, 34, 28,
    25, 16, 31, 19, 26, 24, 24, 15, 26, 40, 12, 24, 28, 19, 20, 37, 30, 14, 28, 32, 20, 28, 15, 17,
    28, 28, 26, 21, 29, 19, 22, 23, 21, 12, 24, 28, 24, 19, 25, 30, 22, 25, 29, 16, 27, 31, 22, 21,
    28, 21, 25, 22, 28, 23, 27, 19, 23, 16, 10, 19, 21, 18, 28, 23, 30, 24, 16, 21, 9, 27, 22, 31,
    8, 8, 9, 24, 22, 26, 19, 25, 24, 14, 21, 22, 17, 13, 17, 24, 28, 12, 29, 27, 21, 30, 23, 14, 31,
    32, 19, 17, 16, 21, 30, 21, 23, 20, 30, 17, 23, 32, 25, 12, 26, 24, 27, 16, 30, 35, 21, 29, 25,
    15, 29, 33, 18, 21, 27, 21, 31, 24, 25, 27, 30, 10, 27, 32, 26, 11, 28, 26, 26, 17, 27, 26, 26,
    25, 31, 13, 25, 30, 20, 25, 21, 18, 27, 29, 30, 23, 24, 17, 19, 9, 13, 16, 22, 15, 23, 25, 20,
    19, 16, 15, 1, 12, 16, 27, 19, 3, 13, 23, 21, 26, 23, 29, 22, 18, 24, 25, 24, 13, 27, 26, 28,
    23, 24, 24, 26, 24, 26, 20, 24, 29, 24, 20, 24, 16, 42, 24, 32, 30, 34, 15, 26, 23, 22, 15, 27,
    21, 18, 17, 28, 23, 15, 24, 21, 17, 27, 33, 25, 17, 18, 22, 22, 22, 36, 21, 33, 20, 28, 26, 21,
    6, 28, 25, 24, 16, 29, 26, 18, 27, 24, 16, 25, 33, 25, 24, 18, 21, 24, 24, 25, 16, 31, 11, 20,
    29, 22, 11, 29, 25, 24, 17, 22, 25, 23, 18, 26, 18, 19, 34, 23, 20, 24, 25, 29, 28, 27, 21, 33,
    13, 28, 18, 13, 8, 29, 10, 27, 17, 22, 18, 25, 24, 29, 26, 25, 40, 21, 13, 11, 20, 21, 33, 28,
    20, 24, 29, 25, 19, 16, 26, 24, 19, 25, 23, 25, 20, 16, 14, 6, 21, 19, 34, 11, 13, 15, 14, 20,
    17, 22, 23, 32, 17, 29, 23, 19, 12, 28, 32, 15, 16, 32, 24, 18, 27, 21, 12, 20, 28, 14, 21, 18,
    18, 30, 23, 27, 18, 33, 22, 26, 20, 26, 27, 31, 32, 26, 21, 31, 32, 22, 26, 26, 26, 26, 26, 23,
    18, 24, 19, 31, 31, 33, 30, 34, 14, 26, 20, 20, 8, 27, 19, 26, 13, 32, 26, 25, 22, 36, 21, 24,
    32, 27, 17, 16, 19, 21, 27, 25, 15, 33, 17, 28, 19, 25, 13, 27, 29, 17, 18, 27, 24, 25, 26, 34,
    18, 20, 26, 27, 17, 10, 19, 25, 30, 30, 23, 26, 16, 27, 27, 26, 9, 32, 29, 16, 17, 32, 28, 23,
    21, 29, 17, 30, 38, 18, 22, 24, 18, 29, 28, 36, 16, 31, 24, 17, 21, 18, 23, 25, 16, 22, 18, 24,
    17, 13, 12, 7, 24, 18, 32, 13, 5, 8, 24, 24, 22, 25, 23, 24, 13, 25, 24, 27, 11, 31, 25, 26, 11,
    29, 23, 20, 25, 30, 20, 27, 32, 21, 21, 27, 26, 28, 26, 28, 32, 29, 15, 27, 25, 27, 20, 29, 26,
    19, 20, 33, 26, 25, 30, 25, 21, 23, 36, 21, 19, 26, 29, 26, 18, 26, 19, 35, 24, 28, 23, 22, 20,
    23, 32, 29, 22, 32, 31, 23, 22, 35, 23, 23, 32, 24, 22, 15, 27, 34, 35, 24, 23, 32, 17, 28, 26,
    27, 18, 32, 25, 33, 25, 28, 25, 30, 22, 23, 24, 24, 34, 23, 24, 30, 27, 33, 25, 25, 23, 26, 20,
    25, 27, 22, 12, 29, 25, 21, 16, 34, 27, 28, 19, 24, 15, 26, 32, 25, 26, 25, 16, 30, 25, 25, 25,
    23,
];

/// The price on top of `PAIR` if the latter letter is a capital.
#[rustfmt::skip]
const UPPER: [u8; 26] = [
    8, 0, 0, 0, 10, 0, 0, 4, 9, 7, 3, 2, 3, 7, 7, 0, 2, 7, 3, 5, 8, 0, 0, 0, 2, 6,
];

/// The price on top if only the first letter is a capital.
pub(super) const CAPITAL: u32 = 4;

/// The two letters that are two tokens when they stand alone, as a bit for the second by the
/// first: small letters, capitals, and a capital with a small letter.
#[rustfmt::skip]
pub(super) const SPLIT_PAIRS: [[u32; 26]; 3] = [
    [
    0x0000_0000, 0x0002_0000, 0x0000_0000, 0x0000_0000, 0x0000_0000, 0x0000_0000, 0x0002_0800,
    0x0000_0000, 0x0000_0000, 0x0440_0000, 0x0402_0000, 0x0002_0000, 0x0000_0000, 0x0002_0000,
    0x0000_0000, 0x0000_0000, 0x0440_0cc0, 0x0000_0400, 0x0000_0000, 0x0002_0000, 0x0000_0000,
    0x0000_0000, 0x0402_0000, 0x00c2_0c80, 0x0002_0000, 0x0042_0400,
    ],
    [
    0x0000_0000, 0x0000_0000, 0x0000_0000, 0x0000_0000, 0x0000_0400, 0x0402_0400, 0x0402_0400,
    0x0000_0000, 0x0200_0000, 0x0702_0100, 0x0502_0400, 0x0402_0400, 0x0400_0000, 0x0002_0000,
    0x0402_0000, 0x0400_0000, 0x0780_8dc0, 0x0400_0000, 0x0000_0000, 0x0002_0000, 0x0002_8000,
    0x0602_0400, 0x0402_0400, 0x00a2_0d80, 0x0042_0744, 0x0043_1c0c,
    ],
    [
    0x0002_0000, 0x0442_0040, 0x0482_0c00, 0x0002_0880, 0x0080_8000, 0x0442_0540, 0x0542_28d0,
    0x0002_4d48, 0x0020_0100, 0x05d7_2cdc, 0x0503_0c48, 0x0586_0900, 0x0000_0000, 0x0082_4040,
    0x0002_0022, 0x0403_0400, 0x07c3_6d74, 0x0404_0c00, 0x0100_0080, 0x0412_4480, 0x0022_8420,
    0x01d2_45d4, 0x04c2_7ccc, 0x07c6_ddcc, 0x07d3_1ddc, 0x071f_18cc,
    ],
];

/// Whether the first two bytes of a character of three bytes are a token, by blocks of 64
/// characters from U+0800.
#[rustfmt::skip]
pub(super) const PAIRED_BLOCKS: [u32; 31] = [
    0x7fff_fff0, 0xc000_3f0f, 0xbf10_0000, 0x77fe_1fff, 0x0000_1000, 0x0000_413f, 0x0000_0000,
    0x0000_0000, 0xff00_0000, 0xffff_ffff, 0xff9f_ffff, 0xffff_ffff, 0xffff_f7ff, 0xffff_ffff,
    0xffff_ffff, 0xbfff_ffff, 0xffff_fffe, 0xbfff_ffff, 0x7f0c_7fff, 0x0000_0000, 0x1bbf_0000,
    0xf45b_bd7f, 0x03dd_97fb, 0x7ff0_2ffe, 0xbf5f_02df, 0x67f4_dd7f, 0x0000_0000, 0x0100_0001,
    0x0000_0010, 0x0000_000f, 0xff10_1000,
];

/// Words of reports that are one token, with the character in front that belongs to them. Their
/// price would be higher. Each follows a bar.
const WORDS: &str = "\
    | Abuse| abuse|_access| activity| Address| address|Address|_address|address| addresses\
    |_addresses|Admin|admin|Afee|_after| Against|Alarm| Algorithm|_algorithm|algorithm| Analysis\
    |_analysis|analysis|Anti|Application|application|Argument|assembly|attack|attributes|Auth\
    |_author|authority|Auto|.bank|bank| Before|_before|Block|Button|Call|categories|_category\
    |category| Centre|CERT|Cert|cert| Certificate|_certificate|certificate| charset|Check| checker\
    |City|Class|clean| client|client| code|Code|_code|code|Command|Comment|comment|comments\
    |Company|confirmed| Contact| Content|content|_context|continent|Control| Copy|Copyright\
    | Corporation|count| Country|Country|_country|country|Create|creation|Current| Data| data|Data\
    |data| Database| database| Date|Date|_date|date| delete|Delete|descr| Description|Description\
    |_description|description|Desktop|destination| details|Device|Directory|_distribution\
    | document| does| Domain|Domain|domain|Drive|Elastic| else|Email|Empty| encoding|engine\
    |/entity|entropy| Entry|Entry|entry|Environment|Error|error|Event|.example|Example|example\
    |Exception| executable|Execute|Execution|Explorer| Extended|extended|Extension|_extension\
    |extensions| External|failure|false| File| file|File|_File|file| files|_files|files|_final\
    |first|Flags|flags|_format|Forum| found|Framework| from| Functions|_functions|gate|Generic\
    |generic|/github|github|Global| Google|.google|Google|google|Green| Guard|Handle| have\
    |_headers| Heal|Hive|host|hostname|.html|html| http|_http|http| https|_https|https|_ICON\
    |_identifier|Image| include| index|.INFO|Info|_info| Information|_information|information\
    | Inside| Inspector| Integrated| Intelligence| Internet|issuer|item| items|Labs| Lang|lang\
    |Language| Last|last| Level|_level| Library|library|Line|Link|links|List|Local|Login|login\
    |.Management|match|medium|Message|message|method|Micro| Microsoft|Microsoft|minimum|Mining\
    |-Mobile|Mobile|Mode|Monitor| more| Name|-name|Name|_name|name| Names|names| Network|network\
    | networks|null| Number|Number|_number|Object|Open|Opera|Organization|Origin|Original|_owner\
    |Parent|Path|path|_pattern|Phone|phone|_points|Policy|popular|_port|Postal| Priority|priority\
    | Probability|Process|Product| program|Program|Programs|Property|Prov| Public|public|Quick\
    |Radar| range|Range|rank|_records| refer|Referral|refresh| region| Regional|regional\
    | registered|Registrant|Registrar| Registry|Registry|_registry| Report| report|_report\
    | reports| Research|resolution| resolver|Resource|resource|_response| Result|result| Results\
    |_results|Robot|root| Rule|rule|.Runtime| Sandbox|sandbox| Scan|Scope|Score|Script|script\
    |/search|search| Secure|Secure| Security|Security|_seen|self|Sense| Serial|serial| Server\
    |Server|server| Services|Services| Settings|Shell|Sigma| Signature|_signature|signature| Site\
    | Size|Size|_size|size| Software|Software| Source|_source|source|_sources|Spam|Start|Startup\
    |State|/static|Static|_stats|Status|status|Stop|Strike|String| Subject|subject|_submission\
    | System|System| Tags|tags|Task|Tech|tech| technology|TEMP|Temp|Tencent| Test| test|.test|Test\
    |Text|text| that| these| This| this| Threat|Threat|Time|timeout|times| Timestamp|timestamp\
    | Title|_title| Total|Total|total|Tracker|Transfer|Trend|true| Type|Type|type|unique|unknown\
    | unsigned| Update|Update|_update|Updated|_urls|urls|_usage|USER|User|user| users|Users| using\
    | Value|Value|value| Values|values| Vault|Vault| Verdict| Version| version|Version|_version\
    |version| Virtual|virtual|Virus| Votes|_votes|votes| Whois|Window| Windows|Windows| with|World\
    | Write|Zero";

/// Runs of marks that are one token and frequent in JSON, Markdown, XML and code.
#[rustfmt::skip]
const MARKS: [&str; 133] = [
    "\":\"", "\",\"", ">\n", " <", "\":", "\":{\"", "</", "###", ",\"", "\\\\", "##", " </", "://",
    " -", "=\"", "},\"", "*\n\n", "\"},{\"", "`\n\n", "####", "\">", " $", " (", "></", "**",
    "\":[\"", ":\\\\", " \\\"", " \"", "\">\n", " /", " =", " +", " |", ":\\", "//", "{\"", " \\",
    "######", " [", "::", ")\\", "\"}}", "($", "\\\"", ".\n", " '", ")\n", " {\n", "},{\"", " #",
    "\\\":", "\",", ")\r\n", " *", "](", "(\"", "\\\",", " ($", ")\n\n", ").", ".\",\"", " `",
    "{\\", " |\n", "(\\\"", ",\n", " &", ".\\", "}\\", "{\r\n", ".\n\n", " }\n", "].", " ///",
    " ->", ":_", "=\\\"", "\\\"\\", "(&", " .", ">\\", "/>\n", "_%", "#####", " `.", " {\\",
    "}\r\n", ")</", " --", " {\r\n", ");\n", " **", "]\n", "/?", "\\\",\\", " =>", " %", "`\n",
    "\"\r\n", "\",\r\n", "()", "**\n\n", ";\n", "\\\\\\\\", "<?", "!!", "().", "),", ");", " {",
    "\"},", "\",\n", " ~", "},\n", " }", "\"]", "__", "\"\"", "}\n", ";\r\n", "(),", "()\n", "\";",
    " @", "..", "]:", "))", " _", "\"}", "));", " >", " :",
];

/// Runs of marks that are two tokens and frequent in JSON and Markdown.
#[rustfmt::skip]
const MARKS_OF_TWO: [&str; 30] = [
    "\"},\"", "\":[{\"", "\"],\"", "\"}],\"", "\":[],\"", "\"]},{\"", "\",\"/", ".**", "\"}},\"",
    "}},\"", "/\",\"", ")\",\"", "```\n\n", "\">/", "\"]},\"", "\":\"#", "```\n", "\":\".",
    "\\\"\",\"", "}],\"", "\"}}],\"", "\"}},{\"", "\"?>\n", "\":\"\\\"", "\":-", "\":\"\\",
    "\"}]", "[{\"", ".)\",\"", ")\":{\"",
];

/// The places in the table of known pieces.
const PLACES: usize = 1024;

/// A hash table of `WORDS`, `MARKS` and `MARKS_OF_TWO`: the number of tokens in the top byte, the
/// piece below. Zero is a free place.
static KNOWN: [u128; PLACES] = known();

/// The prices of `PAIR` and `UPPER`, by the low five bits of the former letter and the low six
/// of the latter.
pub(super) static STEPS: [u8; 2048] = steps();

/// Returns the number of tokens of a known piece of at most 15 bytes.
pub(super) fn known_tokens(text: &[u8], from: usize, to: usize) -> Option<usize> {
    let length = to - from;
    if length > 15 {
        return None;
    }
    let key = match text[from..].first_chunk::<16>() {
        Some(bytes) => u128::from_le_bytes(*bytes) & ((1 << (8 * length)) - 1),
        None => key(text, from, to),
    };
    let mut at = place(key);
    while KNOWN[at] != 0 {
        if KNOWN[at] & (u128::MAX >> 8) == key {
            return Some((KNOWN[at] >> 120) as usize);
        }
        at = (at + 1) % PLACES;
    }
    None
}

/// Returns the bytes of a piece as a number, the first byte lowest.
const fn key(text: &[u8], from: usize, to: usize) -> u128 {
    let (mut key, mut at) = (0, to);
    while at > from {
        at -= 1;
        key = key << 8 | text[at] as u128;
    }
    key
}

/// Returns the first place to look for a key.
#[expect(
    clippy::cast_possible_truncation,
    reason = "takes the halves of the key"
)]
const fn place(key: u128) -> usize {
    let folded = (key as u64) ^ ((key >> 64) as u64).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

const fn known() -> [u128; PLACES] {
    let mut table = [0; PLACES];
    let mut at = 0;
    while at < MARKS.len() {
        let mark = MARKS[at].as_bytes();
        insert(&mut table, key(mark, 0, mark.len()), 1);
        at += 1;
    }
    at = 0;
    while at < MARKS_OF_TWO.len() {
        let mark = MARKS_OF_TWO[at].as_bytes();
        insert(&mut table, key(mark, 0, mark.len()), 2);
        at += 1;
    }
    let words = WORDS.as_bytes();
    let mut from = 1;
    at = 1;
    while at <= words.len() {
        if at == words.len() || words[at] == b'|' {
            insert(&mut table, key(words, from, at), 1);
            from = at + 1;
        }
        at += 1;
    }
    table
}

const fn insert(table: &mut [u128; PLACES], key: u128, tokens: u128) {
    let mut at = place(key);
    while table[at] != 0 {
        at = (at + 1) % PLACES;
    }
    table[at] = key | tokens << 120;
}

const fn steps() -> [u8; 2048] {
    let mut steps = [0; 2048];
    let mut at = 0;
    while at < PAIR.len() {
        let (former, latter) = (at / 26 + 1, at % 26 + 1);
        steps[former << 6 | latter | 32] = PAIR[at];
        steps[former << 6 | latter] = PAIR[at].saturating_add(UPPER[latter - 1]);
        at += 1;
    }
    steps
}

/// Returns the known pieces with their tokens.
#[cfg(test)]
pub(super) fn pieces() -> impl Iterator<Item = (&'static str, usize)> {
    let words = WORDS.split('|').skip(1).map(|word| (word, 1));
    let marks = MARKS.into_iter().map(|mark| (mark, 1));
    let twos = MARKS_OF_TWO.into_iter().map(|mark| (mark, 2));
    words.chain(marks).chain(twos)
}
