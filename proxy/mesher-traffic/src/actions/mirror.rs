//! Copies of calls: who gets one, and of which calls.
//! It must share them out without chance, apart from how the calls themselves are shared out.

use mesher_model::rule::{RequestMirror, Subset};

use crate::route::spread;

/// One who gets copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Its place among the mirrors of the route, under which its calls are counted.
    pub number: u16,
    /// Another service, with its application; the one that is called where absent.
    pub service: Option<(Box<str>, Box<str>)>,
    /// Which of its instances.
    pub subset: Subset,
    percent: u8,
}

impl Mirror {
    pub(super) fn compile(mirror: &RequestMirror, application: &str, number: u16) -> Self {
        Self {
            number,
            service: mirror.service.as_ref().map(|name| (name.as_str().into(), application.into())),
            subset: mirror.subset.clone(),
            percent: mirror.percent,
        }
    }

    /// Whether a call gets a copy here; `count` tells how many were asked for before.
    pub fn takes(&self, count: impl FnOnce(u16) -> u32) -> bool {
        match self.percent {
            0 => false,
            100.. => true,
            percent => spread(count(self.number), 100) < u64::from(percent),
        }
    }
}
