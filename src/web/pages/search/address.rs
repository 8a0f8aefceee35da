//! What a search page is asked, as it stands in its address and in the fields of forms.

use serde::Deserialize;

use super::PASSAGES;
use crate::error::Result;
use crate::library::FolderPath;
use crate::library::search::{Narrowing, Order, Request};
use crate::web::pages::show::encode;

/// A search, without the place in its results. Empty fields, as forms send them, ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Seek {
    pub q: String,
    pub folder: String,
    pub r#type: String,
    pub tag: String,
    pub year: String,
    pub size: String,
    pub sort: Order,
}

impl Seek {
    /// The fields that ask for something, in the order of addresses.
    pub fn fields(&self) -> Vec<(&'static str, &str)> {
        let sort = match self.sort {
            Order::Relevance => "",
            order => order.word(),
        };
        let all = [
            ("q", self.q.trim()),
            ("folder", self.folder.as_str()),
            ("type", &self.r#type),
            ("tag", &self.tag),
            ("year", &self.year),
            ("size", &self.size),
            ("sort", sort),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// What stands behind the question mark of the address.
    pub fn query(&self) -> String {
        let fields = self.fields().into_iter();
        let pairs: Vec<_> = fields
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        pairs.join("&")
    }

    pub fn url(&self) -> String {
        match self.query() {
            query if query.is_empty() => "/search".to_owned(),
            query => format!("/search?{query}"),
        }
    }

    /// The same but for what `change` does.
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.clone();
        change(&mut other);
        other
    }

    /// The same words and order, with nothing chosen.
    pub fn anywhere(&self) -> Self {
        Self {
            q: self.q.clone(),
            sort: self.sort,
            ..Self::default()
        }
    }

    /// Nothing is asked for, but perhaps in which order.
    pub fn is_blank(&self) -> bool {
        self.fields().iter().all(|(name, _)| *name == "sort")
    }

    pub fn request(&self) -> Result<Request> {
        Ok(Request {
            query: self.q.clone(),
            folder: given(&self.folder).map(FolderPath::parse).transpose()?,
            narrowing: Narrowing::parse(
                given(&self.r#type),
                given(&self.tag),
                given(&self.year),
                given(&self.size),
            )?,
            order: self.sort,
            passages: PASSAGES,
            is_fuzzy: true,
            ..Request::default()
        })
    }
}

fn given(value: &str) -> Option<&str> {
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_only_what_is_asked_for() {
        let seek = Seek {
            q: " a & b ".into(),
            folder: "my files/ü".into(),
            year: "2026".into(),
            sort: Order::NameReversed,
            ..Seek::default()
        };
        assert_eq!(
            seek.url(),
            "/search?q=a%20%26%20b&folder=my%20files/%C3%BC&year=2026&sort=name-reversed"
        );
        assert_eq!(seek.anywhere().query(), "q=a%20%26%20b&sort=name-reversed");
        assert_eq!(Seek::default().url(), "/search");
    }

    #[test]
    fn an_order_alone_asks_for_nothing() {
        let ordered = Seek::default().with(|seek| seek.sort = Order::Newest);
        assert!(ordered.is_blank());
        assert!(!ordered.with(|seek| seek.tag = "paid".into()).is_blank());
        assert!(ordered.with(|seek| seek.q = "  ".into()).is_blank());
        let odd = Seek::default().with(|seek| seek.year = "soon".into());
        assert!(odd.request().is_err());
    }
}
