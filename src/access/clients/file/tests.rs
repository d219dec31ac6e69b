use time::macros::datetime;

use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn table(fields: &str) -> String {
    format!("[[client]]\nname = \"alice\"\ntoken_sha256 = \"{DIGEST}\"\n{fields}\n")
}

fn read_with_key(text: &str) -> Result<Vec<Client>, Vec<Mistake>> {
    let clients = parse(text, Some(&ApiKey::parse(b"of-the-server").unwrap()))?;
    Ok(clients.unwrap())
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = read_with_key(text).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn all_fields_of_a_client_are_read() {
    let fields = "per_minute = 3\nper_day = 40\nscopes = [\"read\", \"submit\"]\n\
                  expires = 2026-03-01T12:00:00+02:00";
    let clients = read_with_key(&table(fields)).unwrap();
    let [client] = &clients[..] else {
        panic!("{clients:?}")
    };
    assert_eq!(&*client.name, "alice");
    assert_eq!(client.key.expose(), "of-the-server");
    assert!(client.may(Scope::Read) && client.may(Scope::Submit) && !client.may(Scope::Search));
    let allowance = Allowance {
        per_minute: NonZeroU32::new(3),
        per_day: NonZeroU32::new(40),
    };
    assert_eq!(client.allowance, allowance);
    assert_eq!(client.expires, Some(datetime!(2026-03-01 10:00 UTC)));
}

#[test]
fn a_date_is_the_last_day() {
    let clients = read_with_key(&table("scopes = [\"read\"]\nexpires = 2026-12-31")).unwrap();
    assert_eq!(clients[0].expires, Some(datetime!(2027-01-01 0:00 UTC)));
}

#[test]
fn every_mistake_is_found_at_once() {
    let text = "[[client]]\nname = \"a b\"\ntoken_sha256 = \"12\"\nscopes = [\"everything\"]\n\
                per_minute = 0\nper_day = -1\nexpires = \"soon\"\ntoken = 1\nkey_env = 5\n\
                [[client]]\nname = \"bob\"\n";
    let mistakes = mistakes(text);
    for (client, field) in [
        ("client 1: ", "other than"),
        ("client 1: ", "`name`"),
        ("client 1: ", "`token_sha256`"),
        ("client 1: ", "`scopes`"),
        ("client 1: ", "`per_minute`"),
        ("client 1: ", "`per_day`"),
        ("client 1: ", "`expires`"),
        ("client 1: ", "`key_env`"),
        ("client `bob`: ", "`token_sha256`"),
        ("client `bob`: ", "`scopes`"),
    ] {
        let named = mistakes
            .iter()
            .filter(|it| it.starts_with(client) && it.contains(field));
        assert!(named.count() >= 1, "{client}{field}: {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 10, "{mistakes:#?}");
}

#[test]
fn a_file_may_have_no_clients() {
    for blank in ["", "# nothing yet\n"] {
        assert!(parse(blank, None).unwrap().is_none(), "{blank}");
    }
    assert!(read_with_key("client = []").unwrap().is_empty());
    for text in ["client = 1", "[client]\nname = \"x\"", "other = 1"] {
        assert_eq!(mistakes(text).len(), 1, "{text}");
    }
}

#[test]
fn no_mistake_repeats_a_value() {
    for secret in [
        "vt4ai_secret = 1",
        "scopes = [\"vt4ai_secret\"]",
        "per_day = \"vt4ai_secret\"",
        "expires = vt4ai_secret",
        "key_file = \"vt4ai_secret\"",
        "key_env = \"vt4ai_secret\"",
        "vt4ai_secret",
        "token_sha256 = \"vt4ai_secret\"",
    ] {
        let mistakes = mistakes(&table(secret)).concat();
        assert!(!mistakes.contains("vt4ai_secret"), "{mistakes}");
    }
    assert_eq!(
        mistakes(&table("expires = nonsense")),
        ["line 4 is not TOML, or repeats a key"]
    );
}

#[test]
fn clients_differ_in_name_and_token() {
    let twice = table("scopes = [\"read\"]").repeat(2);
    assert_eq!(mistakes(&twice).len(), 2);
}

#[test]
fn a_client_needs_a_key_of_its_own_or_the_servers() {
    let text = table("scopes = [\"read\"]");
    assert!(parse(&text, None).is_err());
    let both = table("scopes = [\"read\"]\nkey_file = \"a\"\nkey_env = \"B\"");
    assert!(mistakes(&both)[0].contains("both"));
}

#[test]
fn a_time_without_offset_or_date_is_not_an_expiry() {
    for bad in ["2026-03-01T12:00:00", "12:00:00", "\"2026-03-01\"", "1"] {
        let text = table(&format!("scopes = [\"read\"]\nexpires = {bad}"));
        assert!(mistakes(&text)[0].contains("`expires`"), "{bad}");
    }
}
