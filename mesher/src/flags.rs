//! One flag for each setting of a proxy, made from the settings' own table.
//! It must not know a setting by name: what the table gains, the command line gains.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use mesher_proxy::bootstrap::{SETTINGS, Sources};

/// The settings that were given as flags.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingFlags(Vec<(&'static str, String)>);

impl SettingFlags {
    /// Puts the flags over everything else in `sources`.
    pub(crate) fn apply(&self, sources: &mut Sources) {
        for (key, value) in &self.0 {
            sources.flag(key, &format!("--{}", dashed(key)), value.clone());
        }
    }
}

fn dashed(key: &str) -> String {
    // `--version` is the command's own.
    if key == "version" { "service-version".to_owned() } else { key.replace('_', "-") }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| {
            let name = setting.variable;
            let help = format!("{} [env: {name}]", setting.meaning);
            command.arg(
                Arg::new(setting.key)
                    .long(dashed(setting.key))
                    .value_name("VALUE")
                    .help(help)
                    .help_heading("Settings"),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = SETTINGS.iter().filter_map(|setting| {
            matches.get_one::<String>(setting.key).map(|value| (setting.key, value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
