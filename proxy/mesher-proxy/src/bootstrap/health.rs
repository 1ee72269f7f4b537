//! How the application's health is checked, as settings say it.
//! It must not say what follows from a check.

use std::time::Duration;

use super::values::Reader;

/// Checks in a row that change the verdict, at most.
const CHECKS_MAX: usize = 100;
/// How often the application is checked where no setting says otherwise.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(10);
/// How long one check may take where no setting says otherwise.
const TIME_MAX_DEFAULT: Duration = Duration::from_secs(1);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthProbe {
    /// Nothing.
    Off,
    /// Whether every declared port accepts connections.
    Tcp,
    /// Whether the first HTTP port answers this path with a status from 200 to 399.
    Path(String),
}

/// How the application's health is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: HealthProbe,
    /// How often.
    pub interval: Duration,
    /// How long one check may take.
    pub time_max: Duration,
    /// Good checks in a row until the instance is `UP` again.
    pub healthy: u32,
    /// Bad checks in a row until it is `DOWN`.
    pub unhealthy: u32,
}

impl HealthCheck {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut count = |key: &str, absent: usize| {
            u32::try_from(reader.count(key, absent, 1..=CHECKS_MAX)).unwrap_or(u32::MAX)
        };
        let (healthy, unhealthy) = (count("health_check_healthy", 2), count("health_check_unhealthy", 3));
        Self {
            probe: reader.health_probe("health_check"),
            interval: reader.limit("health_check_interval", INTERVAL_DEFAULT),
            time_max: reader.limit("health_check_time_max", TIME_MAX_DEFAULT),
            healthy,
            unhealthy,
        }
    }
}
