//! The whole load: two servers, the lines to them, who calls and who kills.

use std::fmt;
use std::sync::Arc;

use stolid::Server;
use stolid_tests::attack::{Dice, Usage};
use stolid_tests::gate::Gate;
use stolid_tests::handlers::Handlers;
use stolid_tests::pair;
use stolid_tests::process::Process;

use crate::away::Away;
use crate::callers::Callers;
use crate::deaths::{Deaths, Mortals, Reaper};
use crate::line::Line;
use crate::place::Place;
use crate::rest::{Rest, idle, settled};
use crate::tally::Tally;

/// A load that runs.
#[derive(Debug)]
pub(crate) struct Scene {
    home: Server,
    mortals: Arc<Mortals>,
    callers: Callers,
    reaper: Reaper,
    tally: Arc<Tally>,
}

/// What a look at the load shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// This process.
    pub(crate) here: Usage,
    away: Usage,
    streams: usize,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |usage: Usage| usage.resident as f64 / (1 << 20) as f64;
        let Self { here, away, streams } = self;
        write!(f, "{streams} streams; here {} threads, {} files, {:.1} MiB", here.threads, here.files, mib(*here))?;
        write!(f, "; away {} threads, {} files, {:.1} MiB", away.threads, away.files, mib(*away))
    }
}

impl Scene {
    /// Starts the load.
    pub(crate) fn start(tally: &Arc<Tally>, deaths: &Arc<Deaths>, dice: &mut Dice) -> Self {
        let home = pair::serve(Handlers::as_told(&Gate::new()));
        let away = Away::start();
        let (to_home, to_away) = (Line::start(), Line::start());
        to_home.lead_to(Some(home.local_addr()));
        to_away.lead_to(Some(away.addr()));
        let places =
            [Place::new(home.local_addr(), false), Place::new(to_home.addr(), true), Place::new(to_away.addr(), true)];
        let callers = Callers::start(&places.map(Arc::new), tally, dice);
        let mortals = Arc::new(Mortals { home: to_home, line: to_away, away: away.into(), deaths: Arc::clone(deaths) });
        let reaper = Reaper::start(&mortals, dice.fork());
        Self { home, mortals, callers, reaper, tally: Arc::clone(tally) }
    }

    /// Looks at the two processes.
    pub(crate) fn look(&self) -> Look {
        let mut away = self.mortals.away();
        let (_, running) = away.load();
        let streams = self.home.stats().running + running;
        Look { here: Usage::of(&Process::this()), away: Usage::of(&away.process()), streams }
    }

    /// Whether a call does not end.
    pub(crate) fn hangs(&self) -> bool {
        self.callers.hang()
    }

    /// Ends the load and looks what is left, which should be no more than `expected`.
    pub(crate) fn end(self, expected: Option<&Rest>) -> Rest {
        let Self { home, mortals, callers, reaper, tally } = self;
        if !reaper.end() {
            tally.add_unexpected("the server in the other process failed".to_owned());
        }
        callers.end(&tally);
        let mortals = Arc::into_inner(mortals).expect("the reaper is gone");
        mortals.home.end();
        mortals.line.end();
        let mut away = mortals.away.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (connections, streams) = idle(|| {
            let (connections, running) = away.load();
            let stats = home.stats();
            (connections + stats.connections, running + stats.running)
        });
        let away_usage = settled(&away.process(), expected.map(|rest| rest.away));
        drop((home, away));
        let here = settled(&Process::this(), expected.map(|rest| rest.here));
        Rest { connections, streams, here, away: away_usage }
    }
}
