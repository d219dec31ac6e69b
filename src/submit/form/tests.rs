//! Forms as clients send them, whole and in pieces of any size.

use md5::Md5;
use proptest::prelude::*;
use rstest::rstest;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::*;

const B: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

fn part(disposition: &str, content: &str) -> String {
    format!("--{B}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let parts = parts.iter().map(|(name, content)| part(name, content));
    format!("{}--{B}--\r\n", parts.collect::<String>()).into_bytes()
}

fn check(form: &[u8], pieces: &[usize]) -> Result<u64, FormError> {
    let mut checked = Form::new(B);
    let mut rest = form;
    for &length in pieces {
        let (piece, more) = rest.split_at(length.min(rest.len()));
        checked.push(piece)?;
        rest = more;
    }
    checked.push(rest)?;
    checked.end()?;
    Ok(checked.file.unwrap())
}

fn digests_of(form: &[u8], pieces: &[usize]) -> Vec<String> {
    let (mut passing, mut rest) = (Form::new(B), form);
    for &length in pieces.iter().chain(&[form.len()]) {
        let (piece, more) = rest.split_at(length.min(rest.len()));
        let _ = passing.push(piece);
        rest = more;
    }
    passing.digests.hex()
}

const FILE: &str = "name=\"file\"; filename=\"a.txt\"";

#[rstest]
#[case::file(&[(FILE, "hello")], Ok(5))]
#[case::line_breaks(&[(FILE, "\r\n\r\n--\r\n")], Ok(8))]
#[case::nearly_the_boundary(&[(FILE, "\r\n------WebKitFormBoundary7MA4YWxkTrZu0g")], Ok(40))]
#[case::password_first(&[("name=password", "infected"), (FILE, "x")], Ok(1))]
#[case::password_last(&[(FILE, "x"), ("name=\"password\"", "infected")], Ok(1))]
#[case::other_field(&[(FILE, "x"), ("name=\"passwd\"", "k")], Err(FormError::UnknownField))]
#[case::tricky_filename(&[("filename=\"\\\"; name=\\\"password\"; name=\"file\"", "x")], Ok(1))]
#[case::utf8_filename(&[("name=\"file\"; filename=\"日本.exe\"; filename*=UTF-8''%E6%97%A5", "x")], Ok(1))]
#[case::no_file(&[("name=\"password\"", "infected")], Err(FormError::NoFile))]
#[case::file_by_another_name(&[("filename=\"file\"; name=\"upload\"", "x")], Err(FormError::UnknownField))]
#[case::no_fields(&[], Err(FormError::NoFile))]
#[case::two_files(&[(FILE, "x"), (FILE, "y")], Err(FormError::Twice("file")))]
#[case::two_passwords(&[("name=password", "x"), ("name=password", "y"), (FILE, "z")], Err(FormError::Twice("password")))]
#[case::empty(&[(FILE, "")], Err(FormError::EmptyFile))]
#[case::no_field(&[("name=\"file\"; NAME=\"password\"", "x")], Err(FormError::Malformed))]
#[case::folded(&[("\r\n name=\"file\";\r\n\tfilename=\"a\"", "x")], Ok(1))]
#[case::folded_to_another(&[("name=\"file\";\r\n name=\"x\"", "x")], Err(FormError::Malformed))]
#[case::more_than_a_name(&[("name=\"file\"x", "x")], Err(FormError::Malformed))]
#[case::as_browsers_write_a_backslash(&[("name=\"file\"; filename=\"a\\\"", "x")], Ok(1))]
#[case::half_a_break(&[("name=\"file\"\rX: y", "x")], Err(FormError::Malformed))]
#[case::other_half(&[("name=\"file\"\nX: y", "x")], Err(FormError::Malformed))]
#[case::no_header(&[("name=\"file\"\r\nnonsense", "x")], Err(FormError::Malformed))]
#[case::two_headers(&[("name=\"file\"\r\nCONTENT-disposition: x", "x")], Err(FormError::Malformed))]
#[case::nameless(&[("filename=\"file\"", "x")], Err(FormError::Malformed))]
fn forms_are_validated_as_they_pass(
    #[case] parts: &[(&str, &str)],
    #[case] expected: Result<u64, FormError>,
) {
    let form = form(parts);
    assert_eq!(check(&form, &[]), expected);
    assert_eq!(check(&form, &vec![1; form.len()]), expected);
}

#[test]
fn a_boundary_at_the_beginning_of_any_line_is_one() {
    for (name, expected) in [
        ("file", FormError::EmptyFile),
        ("password", FormError::NoFile),
    ] {
        let text = form(&[(&format!("name={name}"), "x")]);
        let text = String::from_utf8(text).unwrap().replace("x\r\n", "");
        for pieces in [vec![], vec![1; text.len()]] {
            assert_eq!(check(text.as_bytes(), &pieces), Err(expected));
        }
    }
    let hidden = form(&[(&format!("name=file\r\n--{B}\r\nX: y"), "x")]);
    assert_eq!(check(&hidden, &[]), Err(FormError::Malformed));
    let other = form(&[(FILE, "x")]);
    let other = String::from_utf8(other).unwrap();
    let other = other.replace("form-data", "attachment");
    assert_eq!(check(other.as_bytes(), &[]), Err(FormError::Malformed));
}

#[test]
fn header_limits_do_not_depend_on_pieces() {
    for (length, expected) in [
        (16 * 1024, Ok(1)),
        (16 * 1024 + 1, Err(FormError::Malformed)),
    ] {
        // Includes the line breaks around the headers.
        let more = length - 2 - FILE.len() - "Content-Disposition: form-data; \r\nX:\r\n\r\n".len();
        let form = form(&[(&format!("{FILE}\r\nX:{}", "x".repeat(more)), "x")]);
        assert_eq!(check(&form, &[]), expected);
        assert_eq!(check(&form, &vec![1; form.len()]), expected);
    }
}

#[rstest]
#[case::nothing("", FormError::Malformed)]
#[case::no_form("{\"file\": \"x\"}", FormError::Malformed)]
#[case::other_boundary("--other\r\n\r\nx\r\n--other--\r\n", FormError::Malformed)]
#[case::boundary_only("------WebKitFormBoundary7MA4YWxkTrZu0gW", FormError::BrokenOff)]
#[case::odd_boundary(
    "------WebKitFormBoundary7MA4YWxkTrZu0gWxyz\r\n\r\n",
    FormError::Malformed
)]
#[case::no_headers(
    "------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n\r\nx",
    FormError::Malformed
)]
fn a_body_that_is_not_a_form_is_rejected(#[case] text: &str, #[case] expected: FormError) {
    assert_eq!(check(text.as_bytes(), &[]), Err(expected));
}

#[test]
fn every_truncated_form_is_rejected() {
    let whole = form(&[(FILE, "hello"), ("name=password", "infected")]);
    // The line break after the last boundary is optional.
    for length in 1..whole.len() - 2 {
        assert!(check(&whole[..length], &[]).is_err(), "{length}");
    }
}

#[test]
fn preamble_padding_and_epilogue_are_ignored() {
    let form = format!(
        "This is a form.\r\n--{B} \t\r\ncontent-disposition : form-data;name=file\r\n\r\nx\r\n--{B}--\r\nbye\r\n--{B}\r\n"
    );
    assert_eq!(check(form.as_bytes(), &[]), Ok(1));
}

#[test]
fn headers_and_files_are_bounded() {
    let mut headers = Form::new(B);
    let long = part(
        &format!("name=\"file\"; filename=\"{}\"", "x".repeat(20_000)),
        "x",
    );
    assert_eq!(headers.push(long.as_bytes()), Err(FormError::Malformed));

    let head = part(FILE, "");
    let head = head.strip_suffix("\r\n").unwrap();
    let piece = vec![b'x'; 1024 * 1024];
    let mut checked = Form::new(B);
    checked.push(head.as_bytes()).unwrap();
    for _ in 0..650 {
        checked.push(&piece).unwrap();
    }
    let mut largest = Form {
        delimiter: Needle::new(format!("\r\n--{B}").as_bytes()),
        state: FormState::Content {
            field: FormField::File,
            since: checked.seen - MAX_FILE,
        },
        ..checked
    };
    assert_eq!(largest.push(format!("\r\n--{B}--").as_bytes()), Ok(()));
    assert_eq!((largest.end(), largest.file), (Ok(()), Some(MAX_FILE)));

    let mut larger = Form::new(B);
    larger.push(head.as_bytes()).unwrap();
    let verdict = (0..651).try_for_each(|_| larger.push(&piece));
    assert_eq!(verdict, Err(FormError::TooLarge));
}

#[rstest]
#[case("multipart/form-data; boundary=abc", Some("abc"))]
#[case(
    "multipart/form-data; charset=utf-8; Boundary=\"a b:c\"",
    Some("a b:c")
)]
#[case("multipart/form-data;boundary=abc ; x=y", Some("abc"))]
#[case("multipart/form-data", None)]
#[case("multipart/form-data; boundary=", None)]
#[case("multipart/form-data; boundary=\"a\\\"b\"", None)]
#[case("multipart/form-data; boundary=\"abc", None)]
#[case("multipart/form-data; boundary=ä", None)]
fn boundaries_are_read(#[case] content_type: &str, #[case] expected: Option<&str>) {
    assert_eq!(boundary(content_type.as_bytes()).ok(), expected);
}

#[rstest]
#[case("abc", "multipart/form-data; boundary=abc")]
#[case("a b:c", "multipart/form-data; boundary=\"a b:c\"")]
fn a_content_type_names_one_boundary(#[case] name: &str, #[case] expected: &str) {
    let value = content_type(name).unwrap();
    assert_eq!(value, expected);
    assert_eq!(boundary(value.as_bytes()), Ok(name));
}

proptest! {
    #[test]
    fn the_result_does_not_depend_on_pieces(
        content in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..300),
        near in 0_usize..45,
        pieces in proptest::collection::vec(1_usize..60, 0..40),
    ) {
        // A file that contains the start of the boundary.
        let mut content = content;
        content.extend_from_slice(&format!("\r\n--{B}").as_bytes()[..near.min(B.len() + 3)]);
        let text = part(FILE, "");
        let mut whole = text.strip_suffix("\r\n").unwrap().as_bytes().to_vec();
        whole.extend_from_slice(&content);
        whole.extend_from_slice(format!("\r\n--{B}--\r\n").as_bytes());
        let expected = if content.is_empty() { Err(FormError::EmptyFile) } else { Ok(content.len() as u64) };
        prop_assert_eq!(check(&whole, &pieces), expected);
        let digests = [
            hex::encode(Sha256::digest(&content)),
            hex::encode(Sha1::digest(&content)),
            hex::encode(Md5::digest(&content)),
        ];
        prop_assert_eq!(digests_of(&whole, &pieces), digests);
    }

    #[test]
    fn no_input_makes_the_parser_panic(bytes in any::<Vec<u8>>(), pieces in proptest::collection::vec(0_usize..20, 0..20)) {
        let _ = check(&bytes, &pieces);
        let mut form = form(&[(FILE, "x")]);
        form.truncate(60 + bytes.len());
        form.extend_from_slice(&bytes);
        let _ = check(&form, &pieces);
        let _ = boundary(&bytes);
    }
}
