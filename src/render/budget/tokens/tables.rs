//! The tables of the estimator.

/// The price of one token in `START`, `PAIR`, `UPPER` and `SHAPE`.
pub(super) const TOKEN: u32 = 32;

/// The price of a first letter: without a character in front, after a space, after a character
/// that often joins a word, and after any other.
#[rustfmt::skip]
pub(super) const START: [u8; 104] = [
    41, 34, 31, 31, 37, 38, 37, 34, 41, 42, 39, 40, 35, 39, 42, 35, 41, 39, 32, 36, 40, 38, 37, 39,
    39, 42, 29, 30, 27, 31, 33, 34, 32, 32, 36, 37, 35, 34, 30, 34, 36, 32, 41, 32, 27, 29, 40, 33,
    30, 39, 44, 42, 52, 51, 47, 48, 54, 54, 49, 56, 56, 55, 51, 54, 48, 56, 55, 49, 54, 51, 47, 51,
    60, 57, 48, 54, 54, 52, 66, 66, 65, 65, 67, 69, 69, 67, 70, 69, 70, 70, 65, 58, 67, 68, 68, 66,
    65, 64, 70, 68, 69, 71, 70, 73,
];

/// The price of a letter after another: a row is the former, without regard to case.
#[rustfmt::skip]
const PAIR: [u8; 676] = [
    20, 16, 13, 13, 21, 21, 17, 22, 20, 24, 21, 12, 12, 7, 29, 13, 29, 5, 10, 5, 23, 22, 21, 23, 19,
    23, 15, 20, 25, 22, 17, 27, 29, 24, 20, 23, 24, 15, 39, 30, 19, 29, 35, 22, 20, 33, 18, 34, 28,
    25, 16, 31, 19, 26, 26, 24, 16, 26, 40, 12, 24, 38, 26, 20, 37, 30, 14, 28, 32, 22, 28, 17, 19,
    28, 30, 28, 23, 29, 19, 25, 24, 22, 12, 24, 28, 25, 19, 28, 31, 25, 32, 29, 17, 27, 31, 24, 21,
    28, 24, 25, 23, 28, 23, 27, 19, 26, 16, 10, 20, 25, 18, 28, 23, 30, 24, 21, 21, 9, 27, 29, 31,
    8, 8, 9, 26, 22, 26, 19, 25, 25, 14, 21, 22, 19, 13, 24, 24, 28, 12, 29, 27, 21, 30, 23, 15, 31,
    32, 19, 17, 18, 21, 30, 21, 23, 21, 30, 17, 23, 32, 25, 15, 26, 24, 27, 17, 30, 35, 21, 29, 27,
    15, 29, 39, 19, 21, 27, 21, 31, 27, 25, 27, 30, 12, 27, 32, 26, 13, 28, 26, 26, 17, 27, 26, 26,
    30, 31, 13, 25, 32, 20, 25, 21, 20, 27, 29, 30, 23, 27, 17, 19, 9, 13, 16, 22, 15, 23, 25, 20,
    19, 16, 15, 1, 13, 16, 27, 19, 3, 13, 23, 21, 26, 23, 29, 22, 18, 24, 25, 24, 13, 30, 27, 28,
    23, 24, 24, 26, 24, 27, 20, 24, 29, 24, 20, 24, 16, 42, 24, 32, 30, 34, 15, 26, 23, 24, 15, 29,
    21, 23, 17, 28, 23, 18, 24, 21, 17, 27, 34, 27, 17, 18, 22, 22, 22, 36, 21, 33, 20, 28, 26, 21,
    6, 28, 25, 29, 16, 29, 26, 18, 27, 24, 16, 25, 33, 25, 24, 18, 21, 24, 25, 25, 16, 31, 11, 21,
    29, 22, 11, 29, 25, 24, 17, 27, 25, 23, 18, 26, 18, 19, 34, 23, 20, 24, 25, 29, 28, 27, 21, 33,
    16, 30, 18, 13, 8, 29, 10, 27, 17, 22, 18, 28, 33, 29, 26, 25, 40, 26, 13, 11, 20, 23, 36, 29,
    20, 24, 29, 25, 19, 16, 26, 24, 19, 25, 25, 25, 22, 16, 14, 6, 22, 19, 34, 11, 13, 15, 14, 20,
    18, 25, 23, 32, 17, 29, 26, 23, 12, 28, 32, 15, 16, 32, 24, 18, 27, 23, 14, 25, 28, 14, 21, 18,
    20, 30, 23, 27, 18, 33, 22, 26, 20, 26, 27, 31, 34, 26, 22, 31, 32, 23, 26, 26, 26, 26, 26, 23,
    18, 24, 19, 31, 31, 33, 30, 34, 14, 26, 20, 21, 8, 27, 21, 27, 13, 32, 26, 25, 22, 36, 21, 24,
    34, 27, 17, 18, 20, 27, 29, 30, 15, 33, 17, 28, 19, 25, 13, 27, 29, 17, 18, 27, 24, 26, 26, 34,
    19, 20, 30, 29, 17, 10, 19, 26, 30, 33, 23, 26, 16, 27, 30, 26, 9, 32, 30, 17, 17, 32, 30, 24,
    26, 29, 17, 33, 38, 18, 22, 24, 21, 30, 28, 36, 17, 31, 24, 17, 21, 18, 23, 25, 16, 22, 20, 24,
    17, 13, 12, 7, 24, 18, 32, 13, 5, 8, 24, 24, 22, 25, 23, 24, 13, 25, 24, 27, 11, 31, 25, 31, 11,
    31, 23, 20, 25, 30, 20, 27, 32, 22, 21, 27, 35, 28, 26, 28, 32, 29, 15, 27, 25, 27, 20, 29, 26,
    19, 20, 34, 26, 30, 30, 28, 21, 23, 36, 21, 19, 26, 29, 34, 24, 26, 19, 35, 24, 28, 24, 22, 20,
    24, 32, 29, 23, 32, 31, 24, 22, 35, 24, 23, 32, 24, 22, 18, 27, 35, 35, 24, 24, 32, 24, 35, 26,
    27, 24, 32, 25, 33, 25, 28, 25, 30, 22, 24, 24, 25, 34, 24, 24, 30, 27, 33, 25, 25, 24, 26, 20,
    25, 27, 22, 12, 29, 25, 21, 17, 34, 27, 28, 22, 25, 17, 26, 32, 25, 26, 25, 16, 30, 25, 25, 25,
    23,
];

/// The price on top of `PAIR` if the latter letter is a capital.
#[rustfmt::skip]
const UPPER: [u8; 26] = [
    8, 1, 0, 1, 10, 0, 2, 4, 9, 7, 3, 2, 3, 7, 7, 0, 2, 7, 3, 5, 8, 0, 0, 0, 14, 8,
];

/// The price on top by the character in front as in `START`, the number of letters (0 to 6, more)
/// and the number of capitals (0 to 2, more): words of few letters are priced too low most often if
/// they mix small letters and capitals.
#[rustfmt::skip]
pub(super) static SHAPE: [u8; 128] = [
    0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 2, 14, 8, 0, 11, 17, 22, 23, 15, 19, 22, 15, 0, 14, 22, 20,
    0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 11, 3, 0, 11, 16, 16, 6, 18, 21, 28, 30, 22, 24, 25, 17,
    0, 15, 28, 20, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 7, 7, 2, 0, 16, 22, 25, 10, 15, 25, 19, 16,
    10, 23, 21, 25, 0, 17, 26, 22, 0, 4, 0, 0, 0, 0, 0, 0, 6, 6, 0, 0, 0, 9, 0, 0, 12, 22, 13, 9,
    23, 29, 27, 28, 21, 31, 26, 20, 0, 28, 25, 22, 0, 4, 0, 0,
];

/// The classes of characters in front of a word: the row of `START` in the low two bits, above them
/// the bit of `known_leads`. A word without one has class 0.
pub(super) const LEADS: [u8; 128] = leads();

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
pub(super) const WORDS: &str = "\
    | Abuse| abuse|_access| activity|Activity|.Add| Address| address|Address|_address|address\
    | addresses|_addresses|Admin|admin|Afee|_after| Against|Alarm| Algorithm|_algorithm|algorithm\
    |Alignment| Analysis|_analysis|analysis|Anti|/api|App|Application|application|apps|Argument\
    |Assembly|assembly|attack|attrib|Attribute|attributes|Auth|_author|authority|Auto|.bank|bank\
    | Before|_before|Bit|Block| Box|Builder|Button|-by|Call|categories|_category|category| Centre\
    |CERT|Cert|cert| Certificate|_certificate|certificate|Characters|characters| charset|Check\
    | checker|City|Class|clean| client|client|Clipboard| code|Code|_code|code|Collection\
    |collections|.COM|.com|Command|.Commands|Comment|comment|comments|Communication| Communications\
    |Company|confirmed| Contact| Content|content|_context|context|continent|Control| Copy|Copyright\
    | Corporation|count| Country|Country|_country|country|Create|Creation|creation|Credentials\
    |Crime|Current|Cyber| Data| data|Data|data| Database| database| Date|Date|_date|date| default\
    | Definitions| delete|Delete|descr| Description|Description|_description|description|Desktop\
    |destination| details| Development|Device|_DIALOG|Directory|_distribution|.dll|DNS|_dns|doc\
    | document| does| Domain|Domain|domain|_domains|Downloads|Drive|Elastic| else|Email|embedded\
    |Empty| encoding| Engine|engine|/entity|entity|entropy| Entry|Entry|entry|Environment|Error\
    |error|Event|.example|Example|example|Exception|.exe| executable|Execute|Execution|expires\
    |Explorer| Extended|extended|Extension|_extension|extensions| External|failure|false| File\
    | file|File|_File|file| files|_files|files|_final|first|Flags|flags| for|_format|Forum| found\
    |Framework| from|_FUNCTION| Functions|_functions|gate|Generic|generic| Get|Get|/github|github\
    |Global| GMT| Google|.google|Google|google|Green|_GROUP| Guard|Handle| have|_headers| Heal|Hive\
    |host|hostname|.html|html| http|_http|http| https|_https|https|_ICON|_id|_identifier|Image| Inc\
    | include| index|.INFO|Info|_info| Information|Information|_information|information| Inside\
    | Inspector| Integrated| Intelligence| Internet|_ips|issuer|item| items|_key|key|Lab|Labs| Lang\
    |lang|Language| Last|last| Level|_level| Library|library|Line|Link|link|links|List| LLC|Local\
    | Location|_location|location|Login|login|-mail|.Management|match|medium|memory| Menu|Message\
    |message|method|Micro| Microsoft| microsoft|Microsoft|minimum|Mining|-Mobile|Mobile|Mode\
    |Monitor| more| Name|-name|Name|_name|name| Names|names| Namespace|namespace|negative| NET|.NET\
    |.net|Net| Network|network| Networks| networks| not|-not|Not|not|null| Number|Number|_number\
    |Object|_OBJECT|Open|Opera|.org|Org|Organization|Origin|Original|overlay|_owner|Package|Parent\
    |Path|path| pattern|_pattern|Phone|phone|_points|Policy|popular|_port|positive|Postal\
    |Preference| Priority|_PRIORITY|priority| Probability|Process|process| product|Product| program\
    |Program|Programs|.Properties|Properties|Property|_protocol|Prov|.ps| Public|public|/query\
    |Quick|Radar| range|Range|rank|_records|Rect|Ref| refer|references|Referral|refresh|Reg| region\
    | Regional|regional| registered|Registrant|Registrar| Registry|Registry|_registry|related\
    |remarks|replace| Report| report|_report| reports|_reports|reports| Research|resolution\
    | resolver|resolver|Resource|resource|_response| Result|result| Results|_results|Robot|root|RSA\
    | Rule|rule|Run|.Runtime|safe| Sandbox|sandbox| Scan|Scan|Scope|Score|Script|script|/search\
    |search| Secure|Secure| Security|Security|_seen|self|Sense| Serial|serial| Server|Server|server\
    | Services|Services|Set| Settings|severity| SHA|.Shared|Shell|Sigma| Signature|_signature\
    |signature| Site| Size|Size|_size|size| Software|Software|software| Source|_source|source\
    |_sources|Spam|Start|Startup|State|/static|Static|_stats|Status|status|Stop|Stream|Strike\
    |String|_STRING| Subject|subject|_submission| System|System| Tags|tags|Task|Tech|tech\
    | technology|TEMP|Temp|Tencent| Test| test|.test|Test|Text|text| that| the| these| This| this\
    | Threat|Threat|Time|timeout|times| Timestamp|timestamp| Title|_title|tmp| Total|Total|total\
    |Tracker|Transfer|Trend|true|ttl|.txt| Type|Type|_TYPE|type|unique|unknown| unsigned| Update\
    |Update|_update|Updated|url|_urls|urls|_usage|USER|User|user| users|Users| using|Util| Value\
    |Value|value| Values|values| Vault|Vault| Verdict| Version| version|Version|_version|version\
    | Virtual|virtual|Virus| Votes|_votes|votes| Web|.Web|Web| Whois|Win|Window| Windows| windows\
    |Windows|windows| with| Word|World| Write|www|Zero";

/// Runs of marks that are one token and frequent in JSON, Markdown, XML and code.
#[rustfmt::skip]
pub(super) const MARKS: [&str; 133] = [
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
pub(super) const MARKS_OF_TWO: [&str; 30] = [
    "\"},\"", "\":[{\"", "\"],\"", "\"}],\"", "\":[],\"", "\"]},{\"", "\",\"/", ".**", "\"}},\"",
    "}},\"", "/\",\"", ")\",\"", "```\n\n", "\">/", "\"]},\"", "\":\"#", "```\n", "\":\".",
    "\\\"\",\"", "}],\"", "\"}}],\"", "\"}},{\"", "\"?>\n", "\":\"\\\"", "\":-", "\":\"\\",
    "\"}]", "[{\"", ".)\",\"", ")\":{\"",
];

/// The prices of `PAIR` and `UPPER`, by the low five bits of the former letter and the low six
/// of the latter.
pub(super) static STEPS: [u8; 2048] = steps();

/// `START` by the row and the low five bits of the letter.
pub(super) static STARTS: [u8; 128] = {
    let mut starts = [0; 128];
    let mut at = 0;
    while at < START.len() {
        starts[at / 26 * 32 + at % 26 + 1] = START[at];
        at += 1;
    }
    starts
};

/// Returns the number of the bit of `known_leads` for a class of `LEADS`.
#[inline]
pub(super) const fn lead_bit(lead: u8) -> u8 {
    lead >> 2
}

const fn leads() -> [u8; 128] {
    let mut leads = [3 | 7 << 2; 128];
    leads[b' ' as usize] = 1 | 1 << 2;
    leads[b'_' as usize] = 2 | 2 << 2;
    leads[b'.' as usize] = 2 | 3 << 2;
    leads[b'-' as usize] = 2 | 4 << 2;
    leads[b'/' as usize] = 2 | 5 << 2;
    leads[b'(' as usize] = 2 | 6 << 2;
    leads[b'\t' as usize] = 2 | 7 << 2;
    leads
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
