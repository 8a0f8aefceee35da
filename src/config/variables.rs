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
        help: "directory that holds all data and outlives releases",
    },
    Variable {
        name: "HOST",
        default: "127.0.0.1",
        help: "address to listen on; the Procfile sets 0.0.0.0",
    },
    Variable {
        name: "PORT",
        default: "5000",
        help: "port to listen on; 0 picks a free port and prints it",
    },
    Variable {
        name: "BASE_PATH",
        default: "/",
        help: "path prefix, such as /wharfside; a trusted proxy can set it with X-Forwarded-Prefix",
    },
    Variable {
        name: "ACCESS",
        default: "private",
        help: "\"private\": accounts only; \"public-read\": anyone can read and search; \"open\": anyone can read and write; \"local\": like \"open\", but only this machine can connect",
    },
    Variable {
        name: "ADMIN_PASSWORD",
        default: "none: a setup link is logged",
        help: "password of the account \"owner\"; creates the account and is applied at each start",
    },
    Variable {
        name: "SECRET_KEY",
        default: "none: those secrets are stored in plain text",
        help: "at least 32 random characters; encrypts the secrets of authenticator apps and share links, so that a copy of the directory does not reveal them",
    },
    Variable {
        name: "SECRET_KEY_PREVIOUS",
        default: "none",
        help: "the previous SECRET_KEY, while its secrets are re-encrypted with the new one",
    },
    Variable {
        name: "TRUSTED_PROXIES",
        default: "loopback, and in a container its gateway",
        help: "addresses and networks whose X-Forwarded-* headers are trusted, such as 172.18.0.0/16, 192.0.2.7; \"none\" for none",
    },
    Variable {
        name: "SECURITY_CONTACT",
        default: "none",
        help: "where to report vulnerabilities, such as security@example.org or https://example.org/security; published at /.well-known/security.txt",
    },
    Variable {
        name: "QUOTA_BYTES",
        default: "unlimited",
        help: "total size of all files, including older versions and the trash, such as 50GB",
    },
    Variable {
        name: "QUOTA_FILES",
        default: "unlimited",
        help: "total number of files, including the trash",
    },
    Variable {
        name: "MAX_UPLOAD_BYTES",
        default: "unlimited",
        help: "largest file that is accepted, such as 500MB or 2GiB",
    },
    Variable {
        name: "STALL_SECONDS",
        default: "30",
        help: "seconds without any data received or sent after which a request is closed",
    },
    Variable {
        name: "DRAIN_SECONDS",
        default: "25",
        help: "seconds a release keeps serving after SIGTERM",
    },
    Variable {
        name: "TRASH_DAYS",
        default: "30",
        help: "days after which files in the trash are deleted permanently",
    },
    Variable {
        name: "GRACE_MINUTES",
        default: "60",
        help: "minutes before unreferenced contents and leftovers of interrupted uploads are removed",
    },
    Variable {
        name: "UPLOAD_EXPIRY_HOURS",
        default: "48",
        help: "hours without data after which an unfinished upload is removed",
    },
    Variable {
        name: "STORAGE_EPHEMERAL",
        default: "0",
        help: "1 to allow a deploy without a mounted directory; all files are lost at the next deploy",
    },
    Variable {
        name: "STORAGE_RESERVE",
        default: "5 % or 1GiB, whichever is smaller",
        help: "free disk space that uploads must leave, such as 500MB; 0 for none",
    },
    Variable {
        name: "INDEX_MEMORY",
        default: "32MiB",
        help: "memory of the search index writer, at least 16MiB",
    },
    Variable {
        name: "FACTS_CACHE",
        default: "16MiB",
        help: "memory for cached metadata and text",
    },
    Variable {
        name: "EXTRACT_WORKERS",
        default: "2, or 1 on one core",
        help: "number of documents that are read or rendered at once, each in its own process",
    },
    Variable {
        name: "EXTRACT_SECONDS",
        default: "20",
        help: "time limit for reading or rendering one document; text read before the limit is kept",
    },
    Variable {
        name: "EXTRACT_MEMORY",
        default: "512MiB",
        help: "memory limit for reading or rendering one document, at least 64MiB",
    },
    Variable {
        name: "OCR_LANGUAGES",
        default: "the installed ones, at most three",
        help: "languages for OCR, such as eng+deu; requires tesseract on the PATH",
    },
    Variable {
        name: "GIT_REV",
        default: "the build's revision",
        help: "name of this release; Dokku sets it",
    },
    Variable {
        name: "LOG",
        default: "info",
        help: "log level: error, warn, info, debug, or tracing filter directives",
    },
    Variable {
        name: "LOG_FORMAT",
        default: "auto",
        help: "\"text\", \"json\", or \"auto\": text on a terminal, otherwise JSON",
    },
];
