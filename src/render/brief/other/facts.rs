//! The table of facts: the attributes that say what an object is, for each type.

/// A fact of a brief.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    /// The key in the brief.
    pub(super) name: &'static str,
    /// The path of the attribute.
    pub(super) path: &'static [&'static str],
    /// The expected shape.
    pub(super) shape: Shape,
}

/// The expected shape of an attribute.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A time in Unix seconds.
    Date,
    /// A text that `VirusTotal` or a vendor wrote.
    Text,
    /// A whole number.
    Number,
    /// A boolean, shown if it is true.
    Flag,
    /// An object of numbers.
    Counts,
    /// An array of texts, or of objects with a text at this key.
    Texts(&'static str),
    /// An array, of which the number of elements is shown.
    Total,
    /// The name of a host, or a text from a stranger that has a key of its own.
    Host,
    /// A text that a stranger wrote.
    Stranger,
    /// An array of texts that strangers wrote, or of objects with such a text at this key.
    Strangers(&'static str),
}

/// The facts of a type of object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// The facts in the order in which a brief shows them.
    pub(super) facts: &'static [Fact],
    /// The first parts of their paths.
    pub(super) attributes: &'static [&'static str],
}

/// Returns the facts of a type of object; none of an unknown type.
pub(super) fn facts_of(object_type: &str) -> Facts {
    match object_type {
        "comment" => COMMENT,
        "vote" => VOTE,
        "resolution" => RESOLUTION,
        "analysis" => ANALYSIS,
        "whois" | "historical_whois" => WHOIS,
        "ssl_cert" => SSL_CERT,
        "file_behaviour" | "behaviour_summary" => BEHAVIOUR,
        "collection" => COLLECTION,
        "graph" => GRAPH,
        "reference" => REFERENCE,
        "user" => USER,
        "submission" => SUBMISSION,
        _ => UNKNOWN,
    }
}

const UNKNOWN: Facts = Facts {
    facts: &[],
    attributes: &[],
};

/// Defines the facts of a type, one on a line: key, path, shape.
macro_rules! facts {
    ($(#[$doc:meta])* $table:ident: $($name:ident = $first:ident $(. $below:literal)* : $shape:expr;)*) => {
        $(#[$doc])*
        const $table: Facts = Facts {
            facts: &[$(Fact {
                name: stringify!($name),
                path: &[stringify!($first) $(, $below)*],
                shape: $shape,
            }),*],
            attributes: &[$(stringify!($first)),*],
        };
    };
}

facts! { COMMENT:
    date = date: Shape::Date;
    votes = votes: Shape::Counts;
    tags = tags: Shape::Strangers("");
    text = text: Shape::Stranger;
}

facts! { VOTE:
    verdict = verdict: Shape::Text;
    value = value: Shape::Number;
    date = date: Shape::Date;
}

facts! { RESOLUTION:
    host_name = host_name: Shape::Host;
    ip_address = ip_address: Shape::Host;
    date = date: Shape::Date;
    resolver = resolver: Shape::Text;
    host_name_stats = host_name_last_analysis_stats: Shape::Counts;
    ip_address_stats = ip_address_last_analysis_stats: Shape::Counts;
}

facts! { ANALYSIS:
    status = status: Shape::Text;
    stats = stats: Shape::Counts;
    date = date: Shape::Date;
}

facts! {
    /// Everything in a record but its dates is text from its owner.
    WHOIS:
    first_seen = first_seen_date: Shape::Date;
    updated = last_updated: Shape::Date;
    registrar = registrar_name: Shape::Host;
    country = registrant_country: Shape::Text;
    registrant = registrant_name: Shape::Stranger;
    domain = whois_map."Domain Name": Shape::Stranger;
    organization = whois_map."Registrant Organization": Shape::Stranger;
    owner = whois_map."OrgName": Shape::Stranger;
    network = whois_map."NetName": Shape::Stranger;
    range = whois_map."CIDR": Shape::Stranger;
}

facts! { SSL_CERT:
    subject = subject."CN": Shape::Host;
    issuer = issuer."O": Shape::Host;
    not_before = validity."not_before": Shape::Text;
    not_after = validity."not_after": Shape::Text;
    first_seen = first_seen_date: Shape::Date;
    names = extensions."subject_alternative_name": Shape::Strangers("");
}

facts! {
    /// The counts of what a file did; its command lines and hosts are text from its author.
    BEHAVIOUR:
    sandbox = sandbox_name: Shape::Text;
    date = analysis_date: Shape::Date;
    verdicts = verdicts: Shape::Texts("");
    confidence = verdict_confidence: Shape::Number;
    families = verdict_labels: Shape::Texts("");
    techniques = mitre_attack_techniques: Shape::Texts("id");
    signatures = signature_matches: Shape::Texts("name");
    tags = tags: Shape::Texts("");
    processes_created = processes_created: Shape::Total;
    processes_injected = processes_injected: Shape::Total;
    files_written = files_written: Shape::Total;
    files_dropped = files_dropped: Shape::Total;
    files_deleted = files_deleted: Shape::Total;
    registry_keys_set = registry_keys_set: Shape::Total;
    services_created = services_created: Shape::Total;
    mutexes_created = mutexes_created: Shape::Total;
    http_conversations = http_conversations: Shape::Total;
    ip_traffic = ip_traffic: Shape::Total;
    hosts = dns_lookups: Shape::Strangers("hostname");
    commands = command_executions: Shape::Strangers("");
    processes = processes_created: Shape::Strangers("");
}

facts! { COLLECTION:
    created = creation_date: Shape::Date;
    modified = last_modification_date: Shape::Date;
    files = files_count: Shape::Number;
    domains = domains_count: Shape::Number;
    ip_addresses = ip_addresses_count: Shape::Number;
    urls = urls_count: Shape::Number;
    references = references_count: Shape::Number;
    threat_category = threat_category: Shape::Text;
    name = name: Shape::Stranger;
    tags = tags: Shape::Strangers("");
    description = description: Shape::Stranger;
}

facts! { GRAPH:
    created = creation_date: Shape::Date;
    modified = last_modified_date: Shape::Date;
    private = private: Shape::Flag;
    comments = comments_count: Shape::Number;
    views = views_count: Shape::Number;
    description = graph_data."description": Shape::Stranger;
}

facts! { REFERENCE:
    created = creation_date: Shape::Date;
    title = title: Shape::Stranger;
    author = author: Shape::Stranger;
    url = url: Shape::Stranger;
}

facts! { USER:
    status = status: Shape::Text;
    since = user_since: Shape::Date;
    reputation = reputation: Shape::Number;
    first_name = first_name: Shape::Stranger;
    last_name = last_name: Shape::Stranger;
}

facts! { SUBMISSION:
    date = date: Shape::Date;
    country = country: Shape::Text;
    interface = interface: Shape::Text;
    name = name: Shape::Stranger;
}
