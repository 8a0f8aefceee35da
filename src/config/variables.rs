//! The environment variables, each once.

/// One environment variable.
pub struct Variable {
    pub name: &'static str,
    /// What applies when it is unset, as a person would write it.
    pub default: &'static str,
    pub help: &'static str,
}

pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "STORAGE_DIR",
        default: "./storage",
        help: "the directory that outlives releases; everything is kept in it",
    },
    Variable {
        name: "HOST",
        default: "127.0.0.1",
        help: "address to listen on; the Procfile sets 0.0.0.0",
    },
    Variable {
        name: "PORT",
        default: "5000",
        help: "port to listen on; 0 picks a free one and prints it",
    },
    Variable {
        name: "BASE_PATH",
        default: "/",
        help: "path below which everything is served, such as /files; a trusted proxy can say it by X-Forwarded-Prefix",
    },
    Variable {
        name: "ACCESS",
        default: "private",
        help: "\"private\" is for accounts only; \"public-read\" lets anyone read and search; \"open\" lets anyone who can reach the address read and write; \"local\" likewise, but serves this machine only",
    },
    Variable {
        name: "ADMIN_PASSWORD",
        default: "none: a link is logged",
        help: "password of the account \"owner\", which is made with it; set again at each start",
    },
    Variable {
        name: "SECRET_KEY",
        default: "none: such secrets are stored as they are",
        help: "at least 32 random characters; seals the secrets of authenticator apps and links, so that a copy of the directory alone is no use",
    },
    Variable {
        name: "SECRET_KEY_PREVIOUS",
        default: "none",
        help: "the key before, while what it sealed is sealed again with SECRET_KEY",
    },
    Variable {
        name: "TRUSTED_PROXIES",
        default: "loopback, and in a container its gateway",
        help: "addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed, such as 172.18.0.0/16, 192.0.2.7; \"none\" for none",
    },
    Variable {
        name: "SECURITY_CONTACT",
        default: "none",
        help: "where weaknesses are reported, such as security@example.org or https://example.org/security; shown at /.well-known/security.txt",
    },
    Variable {
        name: "QUOTA_BYTES",
        default: "unlimited",
        help: "what may be stored in all, older versions and the trash included, such as 50GB",
    },
    Variable {
        name: "QUOTA_FILES",
        default: "unlimited",
        help: "how many files may be stored in all, the trash included",
    },
    Variable {
        name: "MAX_UPLOAD_BYTES",
        default: "unlimited",
        help: "largest file that is accepted, such as 500MB or 2GiB",
    },
    Variable {
        name: "STALL_SECONDS",
        default: "30",
        help: "how long a client may send or take nothing before its request ends",
    },
    Variable {
        name: "DRAIN_SECONDS",
        default: "25",
        help: "how long a release that was told to stop keeps serving",
    },
    Variable {
        name: "TRASH_DAYS",
        default: "30",
        help: "days after which files in the trash are purged",
    },
    Variable {
        name: "GRACE_MINUTES",
        default: "60",
        help: "how long contents that nothing names and leftovers of cut-off uploads are kept",
    },
    Variable {
        name: "UPLOAD_EXPIRY_HOURS",
        default: "48",
        help: "hours after which an unfinished upload that nobody goes on with is removed",
    },
    Variable {
        name: "STORAGE_EPHEMERAL",
        default: "0",
        help: "1 to deploy a container without a mounted directory, whose files are gone at the next deploy",
    },
    Variable {
        name: "STORAGE_RESERVE",
        default: "5 % or 1GiB, the smaller",
        help: "space that uploads leave free on the filesystem, such as 500MB; 0 for none",
    },
    Variable {
        name: "INDEX_MEMORY",
        default: "32MiB",
        help: "memory of the search index writer, at least 16MiB",
    },
    Variable {
        name: "FACTS_CACHE",
        default: "16MiB",
        help: "memory for cached facts and texts",
    },
    Variable {
        name: "EXTRACT_WORKERS",
        default: "2, or 1 on one core",
        help: "documents that are read or drawn at once, each in a process of its own",
    },
    Variable {
        name: "EXTRACT_SECONDS",
        default: "20",
        help: "how long reading or drawing one document may take; what was read until then is kept",
    },
    Variable {
        name: "EXTRACT_MEMORY",
        default: "512MiB",
        help: "memory that reading or drawing one document may take, at least 64MiB",
    },
    Variable {
        name: "OCR_LANGUAGES",
        default: "those that tesseract has, at most three",
        help: "languages in which scans and pictures are read where tesseract is on the PATH, such as eng+deu",
    },
    Variable {
        name: "GIT_REV",
        default: "the build's revision",
        help: "name of this release; Dokku sets it",
    },
    Variable {
        name: "LOG",
        default: "info",
        help: "what is logged: error, warn, info, debug, or tracing filter directives",
    },
    Variable {
        name: "LOG_FORMAT",
        default: "auto",
        help: "\"text\", \"json\", or \"auto\": text on a terminal and JSON otherwise",
    },
];
